// Heads of many kilobytes, such as reads that name a thousand services, cost tens of microseconds each, and thousands
// may arrive at once. A turn of the event loop reads a bounded number of their bytes, one address after the other, so
// that short requests are served in between. While such requests cannot be served, none is read: unparsed, they use a
// fraction of the memory.

/** Shorter input is read at once. */
const shortBytes = 2_048;
/** Bytes of longer heads read in one turn; the last one may exceed it. */
const bytesPerTurn = 256 * 1024;

/** A connection on which a long head waits. */
export interface HoldsHead {
  /** Reads the kept bytes: it is the connection's turn. */
  goOn(): void;
}

/** The long heads of one server. */
export class LongHeads {
  private readonly mayGoOn: () => boolean;
  private readonly soon: (turn: () => void) => void;
  /** By address; the next one comes first. */
  private readonly waiting = new Map<string, HoldsHead[]>();
  private left = bytesPerTurn;
  private isPlanned = false;
  /** A waiting head is being served. */
  private isServing = false;

  /**
   * `mayGoOn` returns false while too many long requests are unanswered; it must become true in a later turn. `soon`
   * calls back in a later turn of the event loop.
   */
  constructor(mayGoOn: () => boolean = () => true, soon: (turn: () => void) => void = setImmediate) {
    this.mayGoOn = mayGoOn;
    this.soon = soon;
  }

  /** True if this many bytes may be read now; otherwise the connection must `wait`. */
  mayRead(bytes: number): boolean {
    if (bytes <= shortBytes) return true;
    if (this.left <= 0 || (this.waiting.size > 0 && !this.isServing) || !this.mayGoOn()) return false;
    this.left -= bytes;
    this.plan();
    return true;
  }

  /** `address` is what the connection counts as, '' for one without bounds of its own. */
  wait(connection: HoldsHead, address: string): void {
    this.waiting.getOrInsertComputed(address, () => []).push(connection);
    this.plan();
  }

  private plan(): void {
    if (this.isPlanned) return;
    this.isPlanned = true;
    this.soon(() => this.turn());
  }

  private turn(): void {
    this.isPlanned = false;
    this.left = bytesPerTurn;
    while (this.left > 0 && this.waiting.size > 0 && this.mayGoOn()) this.next();
    if (this.waiting.size > 0) this.plan();
  }

  /** Serves the oldest head of the next address, and puts the address last. */
  private next(): void {
    for (const [address, queue] of this.waiting) {
      this.waiting.delete(address);
      const connection = queue.shift();
      if (queue.length > 0) this.waiting.set(address, queue);
      this.isServing = true;
      try {
        connection?.goOn();
      } finally {
        this.isServing = false;
      }
      return;
    }
  }
}

// Heads of many kilobytes, as of reads that name a thousand services, cost tens of microseconds each, and thousands of them
// may come at once: a turn of the event loop reads a bounded share of their bytes, one address after the other, so that
// short requests are served in between. While what they ask for cannot be worked on, none is read: as bytes they hold a
// fraction of what they hold as requests.

/** What has come of requests of fewer bytes is read at once. */
const shortBytes = 2_048;
/** What is read of longer ones in one turn; the last of them may go beyond it. */
const bytesPerTurn = 256 * 1024;

/** A connection on which a long head waits. */
export interface HoldsHead {
  /** It is its turn: reads what it holds. */
  goOn(): void;
}

/** The long heads of one server. */
export class LongHeads {
  private readonly mayGoOn: () => boolean;
  private readonly soon: (turn: () => void) => void;
  /** By address; the one whose turn it is comes first. */
  private readonly waiting = new Map<string, HoldsHead[]>();
  private left = bytesPerTurn;
  private isPlanned = false;
  /** One that waited is being served. */
  private isServing = false;

  /**
   * `mayGoOn` is false while so many long requests are unanswered that no further one shall be read; it becomes true by
   * work of later turns. `soon` calls back in a later turn of the event loop.
   */
  constructor(mayGoOn: () => boolean = () => true, soon: (turn: () => void) => void = setImmediate) {
    this.mayGoOn = mayGoOn;
    this.soon = soon;
  }

  /** True if so many bytes may be read now; else the connection has to `wait`. */
  mayRead(bytes: number): boolean {
    if (bytes <= shortBytes) return true;
    if (this.left <= 0 || (this.waiting.size > 0 && !this.isServing) || !this.mayGoOn()) return false;
    this.left -= bytes;
    this.plan();
    return true;
  }

  /** `address` is whom the connection counts for, '' for one without bounds of its own. */
  wait(connection: HoldsHead, address: string): void {
    const queue = this.waiting.get(address);
    if (queue === undefined) this.waiting.set(address, [connection]);
    else queue.push(connection);
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

  /** Serves the oldest head of the address whose turn it is; then it is another one's. */
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

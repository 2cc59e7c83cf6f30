// Heads of many kilobytes, as of reads that name a thousand services, cost tens of microseconds each, and thousands of them
// may come at once: a turn of the event loop reads a bounded share of their bytes, in the order of their coming, so that
// short requests are served in between.

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
  private readonly soon: (turn: () => void) => void;
  private waiting: HoldsHead[] = [];
  private left = bytesPerTurn;
  private isPlanned = false;
  /** Those that waited are being served. */
  private isServing = false;

  /** `soon` calls back in a later turn of the event loop. */
  constructor(soon: (turn: () => void) => void = setImmediate) {
    this.soon = soon;
  }

  /** True if so many bytes may be read now; else the connection has to `wait`. */
  mayRead(bytes: number): boolean {
    if (bytes <= shortBytes) return true;
    if (this.left <= 0 || (this.waiting.length > 0 && !this.isServing)) return false;
    this.left -= bytes;
    this.plan();
    return true;
  }

  wait(connection: HoldsHead): void {
    this.waiting.push(connection);
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
    const { waiting } = this;
    this.waiting = [];
    this.isServing = true;
    let at = 0;
    for (; at < waiting.length && this.left > 0; at++) waiting[at]?.goOn();
    this.isServing = false;
    this.waiting = [...waiting.slice(at), ...this.waiting];
    if (this.waiting.length > 0) this.plan();
  }
}

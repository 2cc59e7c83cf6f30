// Receivers to whom a talk had to wait for the reader, and when their senders were found to have talked with them: as
// much as fits, in two generations as in base/generation-cache.ts. Every direct talk is looked up here, so the names
// are keys of maps within maps: joining them to one key would cost more than the rest of the look-up.

/** When senders were found to have talked, in milliseconds of a monotonic clock. */
type Senders = Map<string, number>;

export class SelectiveReceivers {
  /** By app, and by receiver. */
  private young = new Map<string, Map<string, Senders>>();
  private old = new Map<string, Map<string, Senders>>();
  /** Receivers and senders in `young`. */
  private youngEntries = 0;
  private readonly entriesMax: number;

  /** Holds between half of `entriesMax` and all of it, receivers and their senders: the most recently used ones. */
  constructor(entriesMax: number) {
    this.entriesMax = entriesMax;
  }

  /** When the pair was found to have talked; -Infinity: not yet; undefined: the receiver is not one of these. */
  talkedAtMs(app: string, receiver: string, sender: string): number | undefined {
    const senders = this.young.get(app)?.get(receiver);
    const atMs = senders?.get(sender);
    if (atMs !== undefined) return atMs;
    const before = this.old.get(app)?.get(receiver);
    if (before === undefined) return senders && -Infinity;
    const atMsBefore = before.get(sender);
    if (atMsBefore === undefined) this.add(app, receiver);
    else this.setTalked(app, receiver, sender, atMsBefore);
    return atMsBefore ?? -Infinity;
  }

  add(app: string, receiver: string): void {
    this.sendersTo(app, receiver);
  }

  /** Adds the receiver, too. */
  setTalked(app: string, receiver: string, sender: string, atMs: number): void {
    const senders = this.sendersTo(app, receiver);
    if (!senders.has(sender)) this.youngEntries++;
    senders.set(sender, atMs);
  }

  private sendersTo(app: string, receiver: string): Senders {
    if (this.youngEntries >= this.entriesMax / 2) {
      this.old = this.young;
      this.young = new Map();
      this.youngEntries = 0;
    }
    const receivers = this.young.getOrInsertComputed(app, () => new Map<string, Senders>());
    return receivers.getOrInsertComputed(receiver, () => {
      this.youngEntries++;
      return new Map();
    });
  }
}

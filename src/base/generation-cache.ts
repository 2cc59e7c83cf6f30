// A bounded cache in two generations: when the young one is full, the old one is dropped as a whole. (Deleting a Map's
// oldest entry costs a walk over all entries deleted before.)

export class GenerationCache<Value> {
  private young = new Map<string, Value>();
  private old = new Map<string, Value>();
  private readonly entriesMax: number;

  /** Holds between half of `entriesMax` and all of it: the most recently used entries. */
  constructor(entriesMax: number) {
    this.entriesMax = entriesMax;
  }

  get(key: string): Value | undefined {
    const young = this.young.get(key);
    if (young !== undefined) return young;
    const old = this.old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: string, value: Value): void {
    if (this.young.size >= this.entriesMax / 2) {
      this.old = this.young;
      this.young = new Map();
    }
    this.young.set(key, value);
  }

  clear(): void {
    this.young.clear();
    this.old.clear();
  }
}

// A cache of values with weights, in two generations: when the young one is full, the old one is dropped as a whole.
// Filling it with values that nobody reads again drops only values that were not read for long.

export class WeightedCache<Value> {
  private young = new Map<string, { readonly value: Value; weight: number }>();
  private old = new Map<string, { readonly value: Value; weight: number }>();
  private youngWeight = 0;
  private readonly weightMax: number;

  /** Holds values of about `weightMax` in all: the most recently used ones. */
  constructor(weightMax: number) {
    this.weightMax = weightMax;
  }

  get(key: string): Value | undefined {
    const young = this.young.get(key);
    if (young !== undefined) return young.value;
    const old = this.old.get(key);
    if (old === undefined) return undefined;
    this.old.delete(key);
    this.put(key, old);
    return old.value;
  }

  set(key: string, value: Value, weight: number): void {
    this.delete(key);
    this.put(key, { value, weight });
  }

  /** Changes a value's weight by `weight`. */
  grow(key: string, weight: number): void {
    const young = this.young.get(key);
    if (young !== undefined) this.youngWeight += weight;
    const entry = young ?? this.old.get(key);
    if (entry !== undefined) entry.weight += weight;
  }

  delete(key: string): void {
    this.youngWeight -= this.young.get(key)?.weight ?? 0;
    this.young.delete(key);
    this.old.delete(key);
  }

  private put(key: string, entry: { readonly value: Value; weight: number }): void {
    if (this.youngWeight + entry.weight > this.weightMax / 2 && this.young.size > 0) {
      this.old = this.young;
      this.young = new Map();
      this.youngWeight = 0;
    }
    this.young.set(key, entry);
    this.youngWeight += entry.weight;
  }
}

// Counts by key; a key whose count is 0 takes no memory.

export class Counts<Key> {
  private readonly counts = new Map<Key, number>();

  of(key: Key): number {
    return this.counts.get(key) ?? 0;
  }

  /** The largest count of any key; 0 if there is none. */
  get most(): number {
    let most = 0;
    for (const count of this.counts.values()) most = Math.max(most, count);
    return most;
  }

  /** Changes the count of a key and returns it; it does not fall below 0. */
  add(key: Key, by = 1): number {
    const count = Math.max(0, this.of(key) + by);
    if (count > 0) this.counts.set(key, count);
    else this.counts.delete(key);
    return count;
  }

  keys(): Iterable<Key> {
    return this.counts.keys();
  }

  get size(): number {
    return this.counts.size;
  }
}

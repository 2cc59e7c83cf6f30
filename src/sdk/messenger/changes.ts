// What is shown before the server confirms it. A change that is refused is taken away; those of the same message or
// conversation that were made besides it stay.

export class Changes<Key, Change> {
  private readonly changes = new Map<Key, readonly Change[]>();

  /** Adds a change; returns a function that takes it away. */
  add(key: Key, change: Change): () => void {
    this.changes.set(key, [...this.of(key), change]);
    return () => {
      const rest = this.of(key).filter((other) => other !== change);
      if (rest.length > 0) this.changes.set(key, rest);
      else this.changes.delete(key);
    };
  }

  /** In the order in which they were added. */
  of(key: Key): readonly Change[] {
    return this.changes.get(key) ?? [];
  }
}

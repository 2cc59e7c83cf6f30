// Counts the live instances that each client address has registered at this node.

export class CallerCounts {
  private readonly counts = new Map<string, number>();

  of(caller: string): number {
    return this.counts.get(caller) ?? 0;
  }

  /** The largest count of any address. */
  get most(): number {
    let most = 0;
    for (const count of this.counts.values()) most = Math.max(most, count);
    return most;
  }

  /** Changes the count of an address; '' has none. */
  add(caller: string, by: number): void {
    if (caller === "") return;
    const count = this.of(caller) + by;
    if (count > 0) this.counts.set(caller, count);
    else this.counts.delete(caller);
  }
}

// Collections of a bounded size.

/** Removes the oldest entry of a collection that has more than `max`. */
export function dropOldest<Key>(all: Set<Key> | Map<Key, unknown>, max: number): void {
  if (all.size <= max) return;
  for (const oldest of all.keys()) {
    all.delete(oldest);
    return;
  }
}

// Metadata in the table: a small map as one flat list. A JavaScript Map takes about 950 bytes for five entries, this
// one 200, and a registry holds tens of thousands.

import { noMetadata } from "./instance.ts";

class FlatMap implements ReadonlyMap<string, string> {
  /** Alternating keys and values. */
  private readonly flat: readonly string[];

  constructor(entries: ReadonlyMap<string, string>) {
    this.flat = Array.from(entries).flat();
  }

  get size(): number {
    return this.flat.length / 2;
  }

  get(key: string): string | undefined {
    const at = this.indexOf(key);
    return at === -1 ? undefined : this.flat[at + 1];
  }

  has(key: string): boolean {
    return this.indexOf(key) !== -1;
  }

  forEach(callback: (value: string, key: string, map: ReadonlyMap<string, string>) => void): void {
    for (const [key, value] of this) callback(value, key, this);
  }

  *entries(): Generator<[string, string], undefined> {
    for (let at = 0; at < this.flat.length; at += 2) yield [this.flat[at] ?? "", this.flat[at + 1] ?? ""];
  }

  *keys(): Generator<string, undefined> {
    for (const [key] of this) yield key;
  }

  *values(): Generator<string, undefined> {
    for (const [, value] of this) yield value;
  }

  [Symbol.iterator](): Generator<[string, string], undefined> {
    return this.entries();
  }

  private indexOf(key: string): number {
    for (let at = 0; at < this.flat.length; at += 2) if (this.flat[at] === key) return at;
    return -1;
  }
}

/** Returns the same entries in less memory. */
export function compact(metadata: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  if (metadata instanceof FlatMap) return metadata;
  return metadata.size === 0 ? noMetadata : new FlatMap(metadata);
}

// Names as DNS sees them: without regard to the case of ASCII letters, and as branches of a tree, where every suffix of
// a dotted name exists, too.

import type { Identity } from "./instance.ts";

/** Lower case, for ASCII letters only (RFC 4343). */
export function asciiLower(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** A bag of names: one that is added twice is there until it is removed twice. */
export class NameIndex {
  /** By the name in lower case: each spelling, and how often it is there. */
  private readonly names = new Map<string, Map<string, number>>();
  /** How many names are below a suffix, which is in lower case. */
  private readonly below = new Map<string, number>();

  add(name: string): void {
    const lower = asciiLower(name);
    let spellings = this.names.get(lower);
    if (spellings === undefined) {
      this.names.set(lower, (spellings = new Map()));
      for (const suffix of suffixesOf(lower)) this.below.set(suffix, (this.below.get(suffix) ?? 0) + 1);
    }
    spellings.set(name, (spellings.get(name) ?? 0) + 1);
  }

  remove(name: string): void {
    const lower = asciiLower(name);
    const spellings = this.names.get(lower);
    const count = spellings?.get(name) ?? 0;
    if (spellings === undefined || count === 0) return;
    if (count > 1) {
      spellings.set(name, count - 1);
      return;
    }
    spellings.delete(name);
    if (spellings.size > 0) return;
    this.names.delete(lower);
    for (const suffix of suffixesOf(lower)) {
      const left = (this.below.get(suffix) ?? 0) - 1;
      if (left > 0) this.below.set(suffix, left);
      else this.below.delete(suffix);
    }
  }

  /** The spellings of a name that are there. */
  spellings(name: string): Iterable<string> {
    return this.names.get(asciiLower(name))?.keys() ?? [];
  }

  /** True when the name is there, or one that ends in a dot and this name. */
  isBranch(name: string): boolean {
    const lower = asciiLower(name);
    return this.names.has(lower) || this.below.has(lower);
  }
}

/** What there is a name of. */
export type NameKind = "service" | "id" | "zone";

/** The names of one env's instances. */
export class EnvNames {
  private readonly indexes: Readonly<Record<NameKind, NameIndex>> = {
    service: new NameIndex(),
    id: new NameIndex(),
    zone: new NameIndex(),
  };
  private size = 0;

  get isEmpty(): boolean {
    return this.size === 0;
  }

  add({ appid, hostname, zone }: Identity): void {
    this.size++;
    this.indexes.service.add(appid);
    this.indexes.id.add(hostname);
    this.indexes.zone.add(zone);
  }

  remove({ appid, hostname, zone }: Identity): void {
    this.size--;
    this.indexes.service.remove(appid);
    this.indexes.id.remove(hostname);
    this.indexes.zone.remove(zone);
  }

  of(kind: NameKind): NameIndex {
    return this.indexes[kind];
  }
}

/** Branches of one name that are known: a name of more labels has some that seem not to exist. */
const branchesMax = 16;

/** How many branches a name has in an index. */
export function indexedDots(name: string): number {
  let count = 0;
  for (
    let at = name.lastIndexOf(".");
    at >= 0 && count < branchesMax;
    at = at === 0 ? -1 : name.lastIndexOf(".", at - 1)
  )
    count++;
  return count;
}

/** What follows each of a name's dots, of the last ones. */
function* suffixesOf(name: string): Generator<string> {
  let left = branchesMax;
  for (let at = name.lastIndexOf("."); at >= 0 && left > 0; at = at === 0 ? -1 : name.lastIndexOf(".", at - 1)) {
    left--;
    yield name.slice(at + 1);
  }
}

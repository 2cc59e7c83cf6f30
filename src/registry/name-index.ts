// Names as DNS sees them: ASCII letters compare without case, and every suffix of a dotted name exists as a branch.

import { Counts } from "../base/counts.ts";
import type { Identity } from "./instance.ts";

/** Lowers ASCII letters only (RFC 4343). */
export function asciiLower(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** A multiset of names: a name that is added twice exists until it is removed twice. */
export class NameIndex {
  /** By the name in lower case: each spelling and its count. */
  private readonly names = new Map<string, Counts<string>>();
  /** The number of names below a suffix in lower case. */
  private readonly below = new Counts<string>();

  add(name: string): void {
    const lower = asciiLower(name);
    const spellings = this.names.getOrInsertComputed(lower, () => new Counts());
    if (spellings.size === 0) for (const suffix of suffixesOf(lower)) this.below.add(suffix);
    spellings.add(name);
  }

  remove(name: string): void {
    const lower = asciiLower(name);
    const spellings = this.names.get(lower);
    if (spellings === undefined || spellings.of(name) === 0) return;
    spellings.add(name, -1);
    if (spellings.size > 0) return;
    this.names.delete(lower);
    for (const suffix of suffixesOf(lower)) this.below.add(suffix, -1);
  }

  /** Returns the existing spellings of a name. */
  spellings(name: string): Iterable<string> {
    return this.names.get(asciiLower(name))?.keys() ?? [];
  }

  /** Reports whether the name exists, or one that ends in a dot and this name. */
  isBranch(name: string): boolean {
    const lower = asciiLower(name);
    return this.names.has(lower) || this.below.of(lower) > 0;
  }
}

/** The attribute that a name comes from. */
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

/** Indexed branches per name: of a name with more labels, the longest branches seem not to exist. */
const branchesMax = 16;

/** Returns the number of branches that a name has in an index. */
export function indexedDots(name: string): number {
  return Math.min(branchesMax, name.split(".").length - 1);
}

/** Yields what follows each of a name's last dots. */
function* suffixesOf(name: string): Generator<string> {
  let left = branchesMax;
  for (let at = name.lastIndexOf("."); at >= 0 && left > 0; at = at === 0 ? -1 : name.lastIndexOf(".", at - 1)) {
    left--;
    yield name.slice(at + 1);
  }
}

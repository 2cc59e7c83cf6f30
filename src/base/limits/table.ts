// The table of all limits that an operator can set. Each has a test at its value and one above it
// (test/support/bounds.ts).

import { apiLimits } from "./api-limits.ts";
import { clientLimits } from "./client-limits.ts";
import { dnsLimits } from "./dns-limits.ts";
import { fanOutLimits } from "./fan-out-limits.ts";
import { groupLimits } from "./group-limits.ts";
import { httpLimits } from "./http-limits.ts";
import type { Limit } from "./limit.ts";
import { linkLimits } from "./link-limits.ts";
import { mediaLimits } from "./media-limits.ts";
import { messageLimits } from "./message-limits.ts";
import { peopleLimits } from "./people-limits.ts";
import { presenceLimits } from "./presence-limits.ts";
import { processLimits } from "./process-limits.ts";
import { readLimits } from "./read-limits.ts";
import { registryLimits } from "./registry-limits.ts";
import { sessionLimits } from "./session-limits.ts";

/** By name; operators write `connections-per-address` for `connectionsPerAddress`. */
export const limitTable = {
  ...clientLimits,
  ...sessionLimits,
  ...messageLimits,
  ...fanOutLimits,
  ...readLimits,
  ...groupLimits,
  ...peopleLimits,
  ...mediaLimits,
  ...presenceLimits,
  ...apiLimits,
  ...linkLimits,
  ...registryLimits,
  ...httpLimits,
  ...dnsLimits,
  ...processLimits,
} as const satisfies Record<string, Limit>;

export type LimitName = keyof typeof limitTable;

/** The values in force; a plain object, so that it can be passed to a thread. */
export type LimitValues = Readonly<Record<LimitName, number>>;

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the table's own keys
export const limitNames = Object.keys(limitTable) as readonly LimitName[];

/** A duration carries its unit, so its written name has none: `gateway-lease=10s` for `gatewayLeaseMs`. */
const kebab = (name: string): string =>
  name.replace(/Ms$/, "").replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The names by their written form, in the order of the table. */
export const namesByWritten: ReadonlyMap<string, LimitName> = new Map(limitNames.map((name) => [kebab(name), name]));
const writtenNames = new Map(Array.from(namesByWritten, ([written, name]) => [name, written]));

/** Returns a limit's name as operators write it: `connections-per-address`. */
export function writtenNameOf(name: LimitName): string {
  return writtenNames.get(name) ?? kebab(name);
}

/** Returns the initial values, replaced by those of `given`. */
export function limitValues(given: Partial<LimitValues> = {}): LimitValues {
  const values: Partial<Record<LimitName, number>> = {};
  for (const name of limitNames) values[name] = given[name] ?? limitTable[name].initial;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every name has been set
  return values as LimitValues;
}

// The one table of the limits that an operator can set. Each of them has a test at its value and one above it
// (test/support/bounds.ts).

import { clientLimits } from "./client-limits.ts";
import { dnsLimits } from "./dns-limits.ts";
import { fanOutLimits } from "./fan-out-limits.ts";
import { groupLimits } from "./group-limits.ts";
import type { Limit } from "./limit.ts";
import { linkLimits } from "./link-limits.ts";
import { messageLimits } from "./message-limits.ts";
import { readLimits } from "./read-limits.ts";
import { registryLimits } from "./registry-limits.ts";

/** All of them, by name. On the command line `connectionsPerAddress` is `connections-per-address`. */
export const limitTable = {
  ...clientLimits,
  ...messageLimits,
  ...fanOutLimits,
  ...readLimits,
  ...groupLimits,
  ...linkLimits,
  ...registryLimits,
  ...dnsLimits,
} as const satisfies Record<string, Limit>;

export type LimitName = keyof typeof limitTable;

/** The values in force; a plain object, so that it can be handed to a thread. */
export type LimitValues = Readonly<Record<LimitName, number>>;

/** The names, in the order of the table. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the table's own keys
export const limitNames = Object.keys(limitTable) as readonly LimitName[];

/** The initial values, with those of `given` in their place. */
export function limitValues(given: Partial<LimitValues> = {}): LimitValues {
  const values: Partial<Record<LimitName, number>> = {};
  for (const name of limitNames) values[name] = given[name] ?? limitTable[name].initial;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every name has been set
  return values as LimitValues;
}

// What a limit is: a bound that an operator can set with `--limit NAME=VALUE`. Fixed bounds, which belong to a format or
// protect the program from itself, stand in fixed.ts.

/** How a value is written: a plain count, bytes with an optional unit (`1MiB`), milliseconds with one (`10s`). */
export type LimitUnit = "count" | "bytes" | "ms";

/** What a process can be; the same names as those of `--role`. */
export type LimitRole = "standalone" | "gateway" | "login" | "chat" | "discovery";

/** One row of the table. */
export interface Limit {
  readonly initial: number;
  /** The smallest and the largest value that an operator may give, inclusive. */
  readonly min: number;
  readonly max: number;
  readonly unit: LimitUnit;
  /** What is bounded: a noun phrase, as in the README's table. */
  readonly what: string;
  /** What happens beyond it. */
  readonly beyond: string;
  /** The roles to which it means something. */
  readonly of: readonly LimitRole[];
}

/** Bounds of what may be given; the defaults are 1 and a number that no machine of today reaches. */
interface LimitRange {
  readonly min?: number;
  readonly max?: number;
}

const kib = 1024;
const mib = 1024 * kib;
const gib = 1024 * mib;
const countMax = 1_000_000_000;
/** A deadline on a timer is below 2^31 ms. */
const msMax = 24 * 24 * 60 * 60_000;

const limit =
  (unit: LimitUnit, rangeMax: number) =>
  (
    initial: number,
    of: readonly LimitRole[],
    what: string,
    beyond: string,
    { min = 1, max = rangeMax }: LimitRange = {},
  ): Limit => ({ initial, min, max, unit, what, beyond, of });

/** A number of things, or of things a second. */
export const count = limit("count", countMax);
/** A number of bytes. */
export const bytes = limit("bytes", 64 * gib);
/** A duration in milliseconds. */
export const ms = limit("ms", msMax);
export { gib, kib, mib };

/** Who lets clients in. */
export const atClients: readonly LimitRole[] = ["standalone", "gateway"];
/** Who serves messages and groups. */
export const atChat: readonly LimitRole[] = ["standalone", "chat"];
/** Who serves sign-ins. */
export const atLogin: readonly LimitRole[] = ["standalone", "login"];
/** Who has links. */
export const atMembers: readonly LimitRole[] = ["gateway", "login", "chat"];
/** Nodes of the registry. */
export const atRegistry: readonly LimitRole[] = ["discovery"];

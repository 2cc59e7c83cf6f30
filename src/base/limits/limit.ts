// A limit: a bound that an operator can set with `--limit NAME=VALUE`. fixed.ts holds the others.

/** How a value is written: a count, bytes with an optional unit (`1MiB`), or a duration (`10s`). */
export type LimitUnit = "count" | "bytes" | "ms";

/** The roles of a process, as in `--role`. */
export type LimitRole = "standalone" | "gateway" | "login" | "chat" | "discovery";

/** One row of the table. */
export interface Limit {
  readonly initial: number;
  /** The smallest and the largest valid value, inclusive. */
  readonly min: number;
  readonly max: number;
  readonly unit: LimitUnit;
  /** The quantity: a noun phrase for the guide's table. */
  readonly what: string;
  /** What happens beyond the limit. */
  readonly beyond: string;
  /** The roles that use it. */
  readonly of: readonly LimitRole[];
}

/** Defaults: 1, and a number beyond any machine. */
interface LimitRange {
  readonly min?: number;
  readonly max?: number;
}

const kib = 1024;
const mib = 1024 * kib;
const gib = 1024 * mib;
const countMax = 1_000_000_000;
/** Timers take less than 2^31 ms. */
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

/** A number of things, or of things per second. */
export const count = limit("count", countMax);
/** A number of bytes. */
export const bytes = limit("bytes", 64 * gib);
/** A duration in milliseconds. */
export const ms = limit("ms", msMax);
export { gib, kib, mib };

/** Roles that accept clients. */
export const atClients: readonly LimitRole[] = ["standalone", "gateway"];
/** Roles that serve messages and groups. */
export const atChat: readonly LimitRole[] = ["standalone", "chat"];
/** Roles that serve sign-ins. */
export const atLogin: readonly LimitRole[] = ["standalone", "login"];
/** Roles that have links. */
export const atMembers: readonly LimitRole[] = ["gateway", "login", "chat"];
/** The registry's nodes. */
export const atRegistry: readonly LimitRole[] = ["discovery"];

// Counts and logs contained bugs: those that end one connection or fail one request, but not the process. The log gets
// at most one line a minute for each kind, so that a peer that triggers a bug repeatedly cannot fill the disk.

import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { RareLog } from "../base/rare-log.ts";

const kinds = ["connection", "request", "http", "dns", "control"] as const;
/**
 * The scope of a contained bug: a connection, a request on a link, an HTTP request, a DNS query, an operator's command.
 */
export type BugKind = (typeof kinds)[number];

/** The shortest time between two log lines of one kind, in milliseconds. */
const quietMs = 60_000;

/** The contained bugs of a process. */
export class ContainedBugs {
  private readonly log: RareLog;
  private readonly known = new Map<BugKind, number>(kinds.map((kind) => [kind, 0]));

  constructor(log: Log, clock: Pick<Clock, "monotonicMs">) {
    this.log = new RareLog(log, clock, quietMs);
  }

  /**
   * Counts a bug. Logs it with its stack, `fields` and the number of bugs since the last line, unless a bug of the same
   * kind was logged less than a minute ago.
   */
  met(kind: BugKind, bug: unknown, fields: Readonly<Record<string, string>> = {}): void {
    this.known.set(kind, this.count(kind) + 1);
    this.log.error(`${ended[kind]} by a bug`, {
      ...fields,
      error: bug instanceof Error ? (bug.stack ?? bug.message) : String(bug),
    });
  }

  /** The number of bugs of one kind. */
  count(kind: BugKind): number {
    return this.known.get(kind) ?? 0;
  }

  /** Returns the number of bugs of each kind, zeros included: a series that begins at 1 shows no increase. */
  counts(): Iterable<readonly [BugKind, number]> {
    return this.known;
  }
}

const ended: Readonly<Record<BugKind, string>> = {
  connection: "a connection was ended",
  request: "a request was failed",
  http: "an HTTP request was failed",
  dns: "a DNS query was left unanswered",
  control: "an operator's command was failed",
};

// Counts and logs contained bugs: those that end one connection or fail one request, and not the process. The log gets at
// most one line a minute for each kind, so that a peer that triggers a bug again and again cannot fill the disk.

import { assert } from "../base/assert.ts";
import type { Log } from "../base/log.ts";

const kinds = ["connection", "request", "http", "dns"] as const;
/** The scope that a bug was contained in: a connection, a request on a link, an HTTP request, a DNS query. */
export type BugKind = (typeof kinds)[number];

/** The shortest time between two log lines of one kind, in milliseconds. */
const quietMs = 60_000;

interface Known {
  count: number;
  unlogged: number;
  loggedAtMs: number;
}

/** The contained bugs of a process. */
export class ContainedBugs {
  private readonly log: Log;
  private readonly nowMs: () => number;
  private readonly known = new Map<BugKind, Known>(
    kinds.map((kind) => [kind, { count: 0, unlogged: 0, loggedAtMs: -Infinity }]),
  );

  /** `nowMs` is a monotonic clock. */
  constructor(log: Log, nowMs: () => number = () => performance.now()) {
    this.log = log;
    this.nowMs = nowMs;
  }

  /**
   * Counts a bug. Logs it with its stack, `fields` and the number of bugs not logged since the last line, unless a bug of
   * the same kind was logged less than a minute ago.
   */
  met(kind: BugKind, bug: unknown, fields: Readonly<Record<string, string>> = {}): void {
    const nowMs = this.nowMs();
    const known = this.known.get(kind);
    assert(known !== undefined, "every kind is known from the start");
    known.count++;
    if (nowMs - known.loggedAtMs < quietMs) {
      known.unlogged++;
      return;
    }
    const { unlogged } = known;
    known.unlogged = 0;
    known.loggedAtMs = nowMs;
    this.log.error(`${ended[kind]} by a bug`, {
      ...fields,
      error: bug instanceof Error ? (bug.stack ?? bug.message) : String(bug),
      ...(unlogged > 0 ? { unlogged } : {}),
    });
  }

  /** The number of bugs of one kind. */
  count(kind: BugKind): number {
    return this.known.get(kind)?.count ?? 0;
  }

  /** Yields the number of bugs of each kind, zeros included: a series that begins at 1 shows no increase. */
  *counts(): Generator<readonly [BugKind, number]> {
    for (const [kind, { count }] of this.known) yield [kind, count];
  }
}

const ended: Readonly<Record<BugKind, string>> = {
  connection: "a connection was ended",
  request: "a request was failed",
  http: "an HTTP request was failed",
  dns: "a DNS query was left unanswered",
};

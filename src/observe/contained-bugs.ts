// Bugs that cost one connection or one request, and not the process. Each is counted; the log gets at most one a minute of
// each kind, because a peer that can repeat what triggers a bug must not fill the disk.

import type { Log } from "../base/log.ts";

/** What a bug ended: a connection, a request on a link, an HTTP request, a DNS query. */
export type BugKind = "connection" | "request" | "http" | "dns";

/** At most one line of a kind in this time. */
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
  private readonly known = new Map<BugKind, Known>();

  /** `nowMs` is a monotonic clock. */
  constructor(log: Log, nowMs: () => number = () => performance.now()) {
    this.log = log;
    this.nowMs = nowMs;
  }

  /** Counts a bug, and logs it with its stack unless one of its kind was logged less than a minute ago. */
  met(kind: BugKind, bug: unknown, fields: Readonly<Record<string, string>> = {}): void {
    const nowMs = this.nowMs();
    let known = this.known.get(kind);
    if (known === undefined) {
      known = { count: 0, unlogged: 0, loggedAtMs: -Infinity };
      this.known.set(kind, known);
    }
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

  /** How many of each kind there were; kinds without any are left out. */
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

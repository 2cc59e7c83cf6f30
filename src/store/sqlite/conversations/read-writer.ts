// Moves read cursors. It reads the log without a lock, to see that a cursor names a message of its conversation.

import type { Database } from "bun:sqlite";
import type { ReadMarkJob } from "../../change-jobs.ts";
import type { ReadOutcome } from "../../conversations.ts";
import type { LastSeen } from "../../people.ts";
import { prepareIsBlocked } from "../people/guards.ts";
import { seenKey } from "./read-file.ts";
import { prepareWindow } from "../member-lookups.ts";

const notFound: ReadOutcome = { result: "notFound" };

export class ReadWriter {
  private readonly log: Database;
  private readonly reads: Database;
  private readonly sql;

  constructor(log: Database, reads: Database) {
    this.log = log;
    this.reads = reads;
    this.sql = {
      last: log.prepare<{ last_id: bigint }, []>("SELECT last_id FROM sequence"),
      account: log.prepare<{ number: bigint }, [string, string]>(
        "SELECT number FROM account WHERE app = ? AND name = ?",
      ),
      group: log.prepare<{ number: bigint }, [string, string]>(`SELECT number FROM "group" WHERE app = ? AND id = ?`),
      place: log.prepare<{ inbox: bigint; sender: bigint }, [bigint]>("SELECT inbox, sender FROM message WHERE id = ?"),
      window: prepareWindow(log),
      isBlocked: prepareIsBlocked(log),
      move: reads.prepare<null, [bigint, bigint, bigint]>(
        `INSERT INTO read_mark VALUES (?, ?, ?)
         ON CONFLICT (account, other) DO UPDATE SET read_id = excluded.read_id WHERE excluded.read_id > read_id`,
      ),
      forget: reads.prepare<null, [bigint]>("DELETE FROM read_mark WHERE account = ?"),
      clip: log.prepare<{ watermark_id: bigint }, [string]>("SELECT watermark_id FROM app_data WHERE app = ?"),
      mark: reads.prepare<{ read_id: bigint }, [bigint, bigint]>(
        "SELECT read_id FROM read_mark WHERE account = ? AND other = ?",
      ),
    };
  }

  /** Moves cursors in one transaction; outcome i belongs to job i. */
  move(jobs: readonly ReadMarkJob[]): ReadOutcome[] {
    this.log.run("BEGIN");
    try {
      const last = this.sql.last.get()?.last_id ?? 0n;
      this.reads.run("BEGIN IMMEDIATE");
      const outcomes = jobs.map((job) => this.moveOne(job, last));
      this.reads.run("COMMIT");
      return outcomes;
    } finally {
      if (this.reads.inTransaction) this.reads.run("ROLLBACK");
      this.log.run("ROLLBACK");
    }
  }

  /** Moves the times at which accounts were seen; passes over unknown accounts. */
  markSeen(marks: readonly LastSeen[]): void {
    const rows = marks.flatMap(({ app, account, minute }) => {
      const number = this.sql.account.get(app, account)?.number;
      return number === undefined ? [] : [{ number, minute: BigInt(minute) }];
    });
    this.reads.run("BEGIN IMMEDIATE");
    try {
      for (const { number, minute } of rows) this.sql.move.run(number, seenKey, minute);
      this.reads.run("COMMIT");
    } finally {
      if (this.reads.inTransaction) this.reads.run("ROLLBACK");
    }
  }

  /** Deletes the cursors of an account, and when it was seen. */
  forget(account: bigint): void {
    this.sql.forget.run(account);
  }

  private moveOne({ app, account, toGroup, dest, messageId }: ReadMarkJob, last: bigint): ReadOutcome {
    const id = BigInt(messageId);
    if (id < 0n || id > last) return { result: "future" };
    const me = this.sql.account.get(app, account)?.number;
    const other = toGroup ? this.sql.group.get(app, dest)?.number : this.sql.account.get(app, dest)?.number;
    if (me === undefined || other === undefined) return notFound;
    const key = toGroup ? -other : other;
    const before = this.sql.mark.get(me, key)?.read_id ?? 0n;
    const isPrivate = !toGroup && this.sql.isBlocked.get(me, other) !== null ? { isPrivate: true } : {};
    if (id <= before) return { result: "unchanged", readId: before, ...isPrivate };
    const place = this.sql.place.get(id);
    if (place === null || id <= (this.sql.clip.get(app)?.watermark_id ?? 0n)) return notFound;
    const isHere = toGroup
      ? place.inbox === key && this.sql.window.get(me, other, id) !== null
      : (place.inbox === key && place.sender === me) || (place.inbox === me && place.sender === key);
    if (!isHere) return notFound;
    this.sql.move.run(me, key, id);
    return { result: "moved", readId: id, ...isPrivate };
  }
}

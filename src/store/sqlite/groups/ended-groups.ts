// Removes what groups leave that have ended, in slices, a turn of the housekeeping each: the rows of members of a
// dismissed one are closed, which frees their counts; invitations and requests are deleted. Nothing of it shows. Groups
// of an app that is being imported wait: their members may see messages that are still to come.

import type { Database } from "bun:sqlite";

/** Closing a row costs as much as a dozen messages. */
const closedRowsMax = 500;

export class EndedGroups {
  private readonly sql;

  constructor(db: Database) {
    this.sql = {
      first: db.prepare<{ number: bigint; dismissed_id: bigint }, []>(
        `SELECT g.number, g.dismissed_id FROM "group" g WHERE g.closing = 1 AND NOT EXISTS (
           SELECT 1 FROM app_data d WHERE d.app = g.app AND d.import_state = 'importing') LIMIT 1`,
      ),
      close: db.prepare<null, [bigint, bigint, number]>(
        `UPDATE member SET until_id = ? WHERE number IN (
           SELECT number FROM member WHERE "group" = ? AND until_id IS NULL LIMIT ?)`,
      ),
      dropInvitations: db.prepare<null, [bigint]>(`DELETE FROM invitation WHERE "group" = ?`),
      dropRequests: db.prepare<null, [bigint]>(`DELETE FROM join_request WHERE "group" = ?`),
      done: db.prepare<null, [bigint]>(`UPDATE "group" SET closing = 0 WHERE number = ?`),
    };
  }

  /** Whether there is something to remove; cheap, and needs no lock. */
  get isDue(): boolean {
    return this.sql.first.get() !== null;
  }

  /** Inside a write transaction: removes a slice. */
  clean(): void {
    const group = this.sql.first.get();
    if (group === null) return;
    const { number, dismissed_id: dismissedId } = group;
    if (dismissedId > 0n && this.sql.close.run(dismissedId, number, closedRowsMax).changes >= closedRowsMax) return;
    this.sql.dropInvitations.run(number);
    this.sql.dropRequests.run(number);
    this.sql.done.run(number);
  }
}

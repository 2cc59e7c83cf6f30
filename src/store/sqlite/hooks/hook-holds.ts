// What the retention keeps for webhooks, and what is lost to them when it goes on.

import type { Database } from "bun:sqlite";
import { idMax } from "../../snowflake.ts";

export class HookHolds {
  private readonly least;
  private readonly lose;

  constructor(db: Database) {
    // Of the lanes that are told something.
    this.least = db.prepare<{ id: bigint | null }, []>(
      `SELECT min(min(
         CASE WHEN instr(events, 'message.undelivered') > 0 THEN undelivered ELSE ${idMax} END,
         CASE WHEN instr(events, 'message.stored') > 0 OR instr(events, 'message.edited') > 0
           OR instr(events, 'message.recalled') > 0 OR instr(events, 'group.changed') > 0 THEN told ELSE ${idMax} END
       )) AS id FROM hook`,
    );
    this.lose = db.prepare<null, [bigint, number]>(
      `UPDATE hook SET lost = lost + (
         SELECT count(*) FROM (SELECT id, sender FROM message WHERE id <= ?1 ORDER BY id LIMIT ?2) AS gone
         JOIN account a ON a.number = gone.sender WHERE gone.id > hook.told AND a.app = hook.app
       ) WHERE told < ?1 AND instr(events, 'message.stored') > 0`,
    );
  }

  /** All endpoints were told up to there. */
  toldUpTo(): bigint {
    return this.least.get()?.id ?? idMax;
  }

  /** Before a purge deletes the first `rows` messages up to an id: counts those that were not told. */
  countLost(upTo: bigint, rows: number): void {
    this.lose.run(upTo, rows);
  }
}

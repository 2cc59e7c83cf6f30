// Deletes what is beyond the retention, one slice a transaction. Messages wait for a slice for some milliseconds at
// most.

import type { Database } from "bun:sqlite";
import { mediaState } from "../media.ts";
import { HookHolds } from "./hooks/hook-holds.ts";
import { purgeRowsMax } from "../purge.ts";

export class PurgeSlices {
  private readonly holds: HookHolds;
  private readonly messages;
  private readonly windows;
  private readonly dueMedia;
  private readonly unnamedMedia;
  /** What belongs to deleted messages. */
  private readonly rest;

  constructor(db: Database) {
    this.holds = new HookHolds(db);
    this.messages = db.prepare<null, [bigint, number]>(
      "DELETE FROM message WHERE id IN (SELECT id FROM message WHERE id <= ? ORDER BY id LIMIT ?)",
    );
    this.windows = db.prepare<null, [bigint, number]>(
      "DELETE FROM member WHERE number IN (SELECT number FROM member WHERE until_id <= ? LIMIT ?)",
    );
    this.dueMedia = db.prepare<{ one: bigint }, [bigint]>(
      `SELECT 1 AS one FROM media WHERE state < ${mediaState.named} AND version <= ? LIMIT 1`,
    );
    this.unnamedMedia = db.prepare<null, [bigint, number]>(
      `UPDATE media SET state = ${mediaState.gone} WHERE number IN (
         SELECT number FROM media WHERE state < ${mediaState.named} AND version <= ? LIMIT ?)`,
    );
    this.rest = [
      "DELETE FROM entry WHERE id IN (SELECT id FROM entry WHERE id <= ? ORDER BY id LIMIT ?)",
      "DELETE FROM entry WHERE id IN (SELECT id FROM entry WHERE refers > 0 AND refers <= ? LIMIT ?)",
      "DELETE FROM mention WHERE number IN (SELECT number FROM mention WHERE id <= ? LIMIT ?)",
      "DELETE FROM hidden WHERE number IN (SELECT number FROM hidden WHERE id <= ? LIMIT ?)",
      "DELETE FROM pin WHERE number IN (SELECT number FROM pin WHERE message <= ? LIMIT ?)",
      "DELETE FROM reaction WHERE number IN (SELECT number FROM reaction WHERE message <= ? LIMIT ?)",
      "DELETE FROM media_use WHERE number IN (SELECT number FROM media_use WHERE message <= ? LIMIT ?)",
    ].map((sql) => db.prepare<null, [bigint, number]>(sql));
  }

  /**
   * Inside a write transaction: deletes a slice of the messages up to this id, of what belongs to them, and of the
   * windows closed by then.
   */
  drop(upTo: bigint): { readonly messages: number; readonly isMore: boolean } {
    this.holds.countLost(upTo, purgeRowsMax);
    const messages = this.messages.run(upTo, purgeRowsMax).changes;
    let most = Math.max(messages, this.windows.run(upTo, purgeRowsMax).changes);
    for (const statement of this.rest) most = Math.max(most, statement.run(upTo, purgeRowsMax).changes);
    return { messages, isMore: most >= purgeRowsMax };
  }

  /** Whether there are files that were promised up to this id, and that no message names; cheap, and needs no lock. */
  areMediaDue(upTo: bigint): boolean {
    return this.dueMedia.get(upTo) !== null;
  }

  /** Likewise: a slice of them is gone; returns whether there are more. */
  dropMedia(upTo: bigint): boolean {
    return this.unnamedMedia.run(upTo, purgeRowsMax).changes >= purgeRowsMax;
  }
}

/** Counts messages up to an id in slices, so that other users of the thread do not wait. */
export class MessageCount {
  private readonly slice;

  constructor(db: Database) {
    this.slice = db.prepare<{ messages: bigint; last: bigint | null }, [bigint, bigint, number]>(
      `SELECT count(*) AS messages, max(id) AS last
       FROM (SELECT id FROM message WHERE id > ? AND id <= ? ORDER BY id LIMIT ?)`,
    );
  }

  /** Counts at most `rowsMax` messages above `above` and up to `upTo`; also returns the last of them. */
  count(above: bigint, upTo: bigint, rowsMax: number): { readonly messages: number; readonly last: bigint } {
    const row = this.slice.get(above, upTo, rowsMax);
    return { messages: Number(row?.messages ?? 0n), last: row?.last ?? upTo };
  }
}

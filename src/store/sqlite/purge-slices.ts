// Deletes what is beyond the retention, one slice a transaction. Messages wait for a slice for some milliseconds at
// most.

import type { Database } from "bun:sqlite";
import { mediaState } from "../media.ts";
import { purgeRowsMax } from "../purge.ts";
import { referringColumns } from "./conversations/check-tables.ts";
import { HookHolds } from "./hooks/hook-holds.ts";

/** What is deleted with messages up to an id, themselves first: tables, and the columns with the ids that decide. */
export const purgedBy: readonly (readonly [table: string, column: string])[] = [
  ["message", "id"],
  ["member", "until_id"],
  ["entry", "id"],
  ...referringColumns.rows,
];

export class PurgeSlices {
  private readonly holds: HookHolds;
  /** Those of `purgedBy`. */
  private readonly statements;
  private readonly dueMedia;
  private readonly unnamedMedia;

  constructor(db: Database) {
    this.holds = new HookHolds(db);
    this.statements = purgedBy.map(([table, column]) =>
      db.prepare<null, [bigint, number]>(
        `DELETE FROM ${table} WHERE rowid IN (
           SELECT rowid FROM ${table} WHERE ${column} > 0 AND ${column} <= ? ORDER BY ${column} LIMIT ?)`,
      ),
    );
    this.dueMedia = db.prepare<{ one: bigint }, [bigint]>(
      `SELECT 1 AS one FROM media WHERE state < ${mediaState.named} AND version <= ? LIMIT 1`,
    );
    this.unnamedMedia = db.prepare<null, [bigint, number]>(
      `UPDATE media SET state = ${mediaState.gone} WHERE number IN (
         SELECT number FROM media WHERE state < ${mediaState.named} AND version <= ? LIMIT ?)`,
    );
  }

  /**
   * Inside a write transaction: deletes a slice of the messages up to this id, of what belongs to them, and of the
   * windows closed by then.
   */
  drop(upTo: bigint): { readonly messages: number; readonly isMore: boolean } {
    this.holds.countLost(upTo, purgeRowsMax);
    const [messages = 0, ...rest] = this.statements.map((statement) => statement.run(upTo, purgeRowsMax).changes);
    return { messages, isMore: Math.max(messages, ...rest) >= purgeRowsMax };
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

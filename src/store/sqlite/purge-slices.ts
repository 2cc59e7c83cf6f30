// Deletes what the retention has outlived, a slice in a transaction, and counts what would go. Talks wait for a slice for
// some milliseconds at most.

import type { Database } from "bun:sqlite";
import { purgeRowsMax } from "../purge.ts";

export class PurgeSlices {
  private readonly messages;
  private readonly windows;

  constructor(db: Database) {
    this.messages = db.prepare<null, [bigint, number]>(
      "DELETE FROM message WHERE id IN (SELECT id FROM message WHERE id <= ? ORDER BY id LIMIT ?)",
    );
    this.windows = db.prepare<null, [bigint, number]>(
      "DELETE FROM member WHERE number IN (SELECT number FROM member WHERE until_id <= ? LIMIT ?)",
    );
  }

  /**
   * Inside a write transaction: deletes messages up to this id, and windows that were closed by then, some of both.
   */
  drop(upTo: bigint): { readonly messages: number; readonly isMore: boolean } {
    const messages = this.messages.run(upTo, purgeRowsMax).changes;
    const windows = this.windows.run(upTo, purgeRowsMax).changes;
    return { messages, isMore: messages >= purgeRowsMax || windows >= purgeRowsMax };
  }
}

/** Counts messages up to an id, a slice at a time, so that whoever shares the thread is not kept waiting. */
export class MessageCount {
  private readonly slice;

  constructor(db: Database) {
    this.slice = db.prepare<{ messages: bigint; last: bigint | null }, [bigint, bigint, number]>(
      `SELECT count(*) AS messages, max(id) AS last
       FROM (SELECT id FROM message WHERE id > ? AND id <= ? ORDER BY id LIMIT ?)`,
    );
  }

  /** How many of the first `rowsMax` messages above `above` are not above `upTo`, and the last of them. */
  count(above: bigint, upTo: bigint, rowsMax: number): { readonly messages: number; readonly last: bigint } {
    const row = this.slice.get(above, upTo, rowsMax);
    return { messages: Number(row?.messages ?? 0n), last: row?.last ?? upTo };
  }
}

// Takes the name of a deleted account out of the batches of webhooks. Who delivers has some in memory, and goes on:
// what it saves from now on does not name the account either (hook-names.ts).

import type { Database } from "bun:sqlite";

/** Of a slice; each has up to a thousand references. */
const batchesMax = 100;

interface BatchRow {
  readonly number: bigint;
  readonly refs: string;
  readonly conversation: string;
  readonly reason: string;
}

/** Whose name it is, and the batch up to which it was taken out. */
interface Erasure {
  readonly app: string;
  readonly name: string;
  readonly position: bigint;
}

export class HookEraser {
  private readonly sql;

  constructor(db: Database) {
    this.sql = {
      batches: db.prepare<BatchRow, [string, bigint]>(
        `SELECT number, CASE lane WHEN 'undelivered' THEN refs ELSE '' END AS refs, conversation, reason
         FROM hook_batch WHERE hook IN (SELECT id FROM hook WHERE app = ?) AND number > ?
         ORDER BY number LIMIT ${batchesMax}`,
      ),
      setRefs: db.prepare<null, [string, bigint]>("UPDATE hook_batch SET refs = ? WHERE number = ?"),
      set: db.prepare<null, [string, string, bigint]>(
        "UPDATE hook_batch SET conversation = ?, reason = ? WHERE number = ?",
      ),
      drop: db.prepare<null, [bigint]>("DELETE FROM hook_batch WHERE number = ?"),
    };
  }

  /** Does a slice, in the order of numbers. */
  erase({ app, name, position }: Erasure): {
    readonly rows: number;
    readonly position: bigint;
    readonly isMore: boolean;
  } {
    const found = this.sql.batches.all(app, position);
    const changed = found.filter((row) => this.eraseIn(row, name));
    return {
      rows: changed.length,
      position: found.at(-1)?.number ?? position,
      isMore: found.length === batchesMax,
    };
  }

  /** False if the batch does not name the account. */
  private eraseIn({ number, refs, conversation, reason }: BatchRow, name: string): boolean {
    const kept = refs
      .split(",")
      .filter((ref) => ref.slice(ref.indexOf("/") + 1) !== name)
      .join(",");
    const isNamed = conversation.split(",").includes(name);
    if (kept === refs && !isNamed && !reason.includes(name)) return false;
    if (kept === "" && refs !== "") this.sql.drop.run(number);
    else {
      if (kept !== refs) this.sql.setRefs.run(kept, number);
      this.sql.set.run(isNamed ? "" : conversation, reason.replaceAll(name, "…"), number);
    }
    return true;
  }
}

// The row of the last id, which all writers of the file share.

import type { Database } from "bun:sqlite";
import { LogDamage } from "./damage.ts";

interface Sequence {
  readonly last_id: bigint;
  /** See Guards. */
  readonly guard_id: bigint;
  readonly epoch: string;
}

export class SequenceRow {
  private readonly db: Database;
  private readonly select;
  private readonly update;

  constructor(db: Database) {
    this.db = db;
    this.select = db.prepare<Sequence, []>(
      "SELECT last_id, guard_id, (SELECT epoch FROM identity) AS epoch FROM sequence",
    );
    this.update = db.prepare<null, [bigint, number]>("UPDATE sequence SET last_id = ?, committed_ms = ?");
  }

  read(): Sequence {
    const row = this.select.get();
    if (row === null) throw new LogDamage("it has lost its row of the last id");
    return row;
  }

  save(lastId: bigint, committedMs: number): void {
    this.update.run(lastId, committedMs);
  }

  /** Throws LogDamage if the last id is too small: an id that is used twice would name two messages. */
  refuseLostIds(lastId: bigint): void {
    for (const [table, what] of [
      ["message", "message"],
      ["entry", "the entry"],
    ] as const) {
      const newest = this.db.query<{ id: bigint | null }, []>(`SELECT max(id) AS id FROM ${table}`).get()?.id ?? 0n;
      if (newest > lastId) throw new LogDamage(`its last id is ${lastId}, and it holds ${what} ${newest}`);
    }
  }
}

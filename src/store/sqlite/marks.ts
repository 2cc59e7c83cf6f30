// Finds marks (trusted-time.ts): the id up to which the content is older than a given time. Any connection may read;
// only the writer changes marks (horizons.ts). Marks are an hour apart, so scanning from the newest is fast.

import type { Database } from "bun:sqlite";
import { indexBackMs, keyedMs } from "../trusted-time.ts";

interface IdRow {
  readonly id: bigint;
}

export class Marks {
  private readonly at;
  private readonly ran;
  private readonly back;

  constructor(db: Database) {
    this.at = db.prepare<IdRow, [number]>("SELECT id FROM mark WHERE at_ms <= ? ORDER BY id DESC LIMIT 1");
    this.ran = db.prepare<IdRow, [number]>(
      "SELECT id FROM mark WHERE ran_ms <= (SELECT ran_ms FROM run_time) - ? ORDER BY id DESC LIMIT 1",
    );
    this.back = db.prepare<IdRow, [number]>(
      `SELECT id FROM mark WHERE at_ms <= (SELECT at_ms FROM horizon WHERE kind = 'time') - ?
       ORDER BY id DESC LIMIT 1`,
    );
  }

  /** Content up to this id existed at `wallMs`; 0n if no mark is that old. */
  lastIdAt(wallMs: number): bigint {
    return this.at.get(wallMs)?.id ?? 0n;
  }

  /** Messages up to this id are too old to be retried; 0n if unknown. */
  keyedUpTo(): bigint {
    return this.ran.get(keyedMs)?.id ?? 0n;
  }

  /** The id above which the index of a device without a cursor starts. */
  indexStart(): bigint {
    return this.back.get(indexBackMs)?.id ?? 0n;
  }
}

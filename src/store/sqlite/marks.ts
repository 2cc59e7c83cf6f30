// Looks up marks (trusted-time.ts): up to which id the store's content is older than a given time. Any connection of the
// file may look; only the writer changes marks (horizons.ts). Marks are an hour apart, so a scan from the newest is short.

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

  /** Content up to this id was there at `wallMs`; 0n if no mark is that old. */
  lastIdAt(wallMs: number): bigint {
    return this.at.get(wallMs)?.id ?? 0n;
  }

  /** Messages up to this id are too old for a retry; 0n if none are known to be. */
  keyedUpTo(): bigint {
    return this.ran.get(keyedMs)?.id ?? 0n;
  }

  /** Where the index of a device without a cursor starts: it shows what is above. */
  indexStart(): bigint {
    return this.back.get(indexBackMs)?.id ?? 0n;
  }
}

// Bounds the write-ahead log without stalling commits. Passive checkpoints run on a connection of their own. A busy
// writer appends frames faster than a pass ends; so when the log is long and a pass has become short, the writer runs
// one itself between two batches, and the next commit restarts the log.

import type { Database } from "bun:sqlite";

const pageBytes = 4096;
/** Above this length the log must restart. */
const logPagesMax = (32 * 1024 * 1024) / pageBytes;
const shortPassMs = 12;
const passesMax = 8;

/** Runs a passive checkpoint; returns the log's pages and the checkpointed ones, or zeros if another runs. */
function pass(db: Database): { readonly log: number; readonly moved: number } {
  const row = db.query<{ busy: bigint; log: bigint; checkpointed: bigint }, []>("PRAGMA wal_checkpoint(PASSIVE)").get();
  if (row === null || row.busy !== 0n) return { log: 0, moved: 0 };
  return { log: Number(row.log), moved: Number(row.checkpointed) };
}

/** Checkpoints what it can. Returns true if the log is long and the writer must run the last, short pass. */
export function checkpoint(db: Database): boolean {
  for (let passes = 0; passes < passesMax; passes++) {
    const startMs = performance.now();
    const { log } = pass(db);
    if (log < logPagesMax) return false;
    if (performance.now() - startMs < shortPassMs) return true;
  }
  return true;
}

export function checkpointLast(db: Database): void {
  pass(db);
}

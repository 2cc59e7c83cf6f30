// Bounds the write-ahead log without stalling commits. Passive checkpoints run on a connection of their own; a busy
// writer adds frames faster than a pass can end, so when the log is long and a pass has become short, the writer makes
// one itself between two batches: then the next commit starts the log over.

import type { Database } from "bun:sqlite";

const pageBytes = 4096;
/** Above this the log must start over. */
const logPagesMax = (32 * 1024 * 1024) / pageBytes;
const shortPassMs = 12;
const passesMax = 8;

/** One passive pass: pages in the log and pages of it that are in the database now; 0 and 0 when another one runs. */
function pass(db: Database): { readonly log: number; readonly moved: number } {
  const row = db.query<{ busy: bigint; log: bigint; checkpointed: bigint }, []>("PRAGMA wal_checkpoint(PASSIVE)").get();
  if (row === null || row.busy !== 0n) return { log: 0, moved: 0 };
  return { log: Number(row.log), moved: Number(row.checkpointed) };
}

/** Moves what it can. True: the log is long, and the writer should make the last, short pass. */
export function checkpoint(db: Database): boolean {
  for (let passes = 0; passes < passesMax; passes++) {
    const startMs = performance.now();
    const { log } = pass(db);
    if (log < logPagesMax) return false;
    if (performance.now() - startMs < shortPassMs) return true;
  }
  return true;
}

/** The writer's pass between two batches. */
export function checkpointLast(db: Database): void {
  pass(db);
}

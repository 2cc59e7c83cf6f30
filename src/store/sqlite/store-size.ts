// The size of a store in files, beside a running server or without one: the index knows how many messages each of its
// runs has, so that only messages that are in no run yet are counted.

import type { Database } from "bun:sqlite";
import { existsSync, statSync } from "node:fs";
import { smallestIdAt, timeOfId } from "../snowflake.ts";
import { recentDaysMax, recentDaysOf, type StoreSize } from "../store-size.ts";
import { openUnlocked } from "./connection.ts";
import { markOf, readsPathOf } from "./conversations/read-file.ts";
import { indexesBeside } from "./index/former-index.ts";
import { indexPathOf } from "./index/index-file.ts";
import { openToRead } from "./store-file.ts";

const dayMs = 86_400_000;
const cacheKib = 1024;
/** More than the index leaves out while it is kept; counting so many takes 0.1 s. */
const countedMax = 1_000_000;

interface Runs {
  /** Messages up to this id are in the runs. */
  readonly foldedId: bigint;
  readonly runs: readonly { readonly last_id: bigint; readonly messages: bigint }[];
}

const noRuns: Runs = { foldedId: 0n, runs: [] };

/** Measures the store at `path`; undefined if it has no tables yet. Throws SQLite's errors and the system's. */
export function sizeOfFiles(path: string, nowMs: number): StoreSize | undefined {
  // The older snapshot is the index's: it is not ahead of the log then.
  const index = runsOf(indexPathOf(path));
  using log = openBeside(path);
  if (log.query("SELECT 1 FROM sqlite_schema WHERE name = 'message'").get() === null) return undefined;
  return { bytes: bytesOf(path), ...countsOf(log, index?.mark === markOf(log) ? index : noRuns, nowMs) };
}

function bytesOf(path: string): number {
  const indexes = indexesBeside(indexPathOf(path)).map((index) => index.path);
  let bytes = 0;
  for (const file of [path, ...indexes, readsPathOf(path)])
    for (const end of ["", "-wal"]) bytes += statSync(file + end, { throwIfNoEntry: false })?.size ?? 0;
  return bytes;
}

function countsOf(log: Database, { foldedId, runs }: Runs, nowMs: number): Omit<StoreSize, "bytes"> {
  const oldest = log.query<{ id: bigint | null }, []>("SELECT min(id) AS id FROM message").get()?.id ?? undefined;
  if (oldest === undefined) return { messages: 0, recentMessages: 0, recentDays: 1 };
  const recentId = smallestIdAt(nowMs - recentDaysMax * dayMs);
  const counted = log
    .query<{ messages: bigint; recent: bigint }, [bigint, bigint, number]>(
      `SELECT count(*) AS messages, count(CASE WHEN id >= ? THEN 1 END) AS recent
       FROM (SELECT id FROM message WHERE id > ? ORDER BY id LIMIT ?)`,
    )
    .get(recentId, foldedId, countedMax);
  let messages = Number(counted?.messages ?? 0n);
  let recentMessages = Number(counted?.recent ?? 0n);
  const isComplete = messages < countedMax;
  let after = oldest - 1n;
  for (const { last_id: last, messages: inRun } of runs) {
    if (last <= after) continue;
    // Of a run that began earlier, the part that is recent is estimated, as if it were spread evenly.
    const first = recentId > after ? recentId - 1n : after;
    const part = first >= last ? 0 : Number(last - first) / Number(last - after);
    messages += Number(inRun);
    recentMessages += Math.round(Number(inRun) * part);
    after = last;
  }
  const recentDays = recentDaysOf(timeOfId(oldest), nowMs);
  return { messages: isComplete ? messages : undefined, recentMessages, recentDays };
}

/** Returns what the index knows; undefined without one, or if it is another version's. */
function runsOf(path: string): (Runs & { readonly mark: bigint }) | undefined {
  if (!existsSync(path)) return undefined;
  using index = openBeside(path);
  if (index.query("SELECT 1 FROM sqlite_schema WHERE name = 'run'").get() === null) return undefined;
  index.run("BEGIN");
  const state = index.query<{ mark: bigint; folded_id: bigint }, []>("SELECT mark, folded_id FROM state").get();
  const runs = index.query<Runs["runs"][number], []>("SELECT last_id, messages FROM run ORDER BY last_id").all();
  return state === null ? undefined : { mark: state.mark, foldedId: state.folded_id, runs };
}

/** Opens a file for reading; leaves nothing beside one that no process has open. */
function openBeside(path: string): Database {
  return existsSync(`${path}-shm`) ? openToRead(path) : openUnlocked(path, cacheKib);
}

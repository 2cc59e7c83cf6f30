// The log and its index below the store's threads: writers, readers and compactors in one thread, each with connections
// of its own as in processes of their own, so that a test says when a flush, a merge or a death happens.

import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import type { Clock } from "../../src/base/clock.ts";
import { talkJob } from "../../src/store/jobs.ts";
import { indexPathOf, openIndex } from "../../src/store/sqlite/index/index-file.ts";
import type { Talk } from "../../src/store/store.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";
import { commit, type IndexBounds, Process, storedCodes } from "./log-process.ts";
import { talk } from "./samples.ts";

/** One store and its processes. */
export class World {
  readonly path: string;
  nowMs = Date.UTC(2026, 0, 1);
  private readonly flushMessages: number;
  private readonly bounds: IndexBounds;
  private processes = 0;
  private readonly clock: Clock = {
    wallMs: () => this.nowMs,
    wallNs: () => BigInt(this.nowMs) * 1_000_000n,
    monotonicMs: () => this.nowMs,
  };

  constructor(path: string, flushMessages: number, bounds: IndexBounds = {}) {
    this.path = path;
    this.flushMessages = flushMessages;
    this.bounds = bounds;
    writeFileSync(this.path, "");
  }

  start(): Process {
    return new Process(this.path, `9:process-${this.processes++}`, this.clock, this.flushMessages, this.bounds);
  }
}

/** Makes worlds whose files are in a temporary folder. Call it at the top of the file. */
export function worlds(): (flushMessages: number, bounds?: IndexBounds) => World {
  const freshPath = temporaryPaths("worlds-");
  return (flushMessages, bounds) => new World(freshPath(), flushMessages, bounds);
}

interface RunRow {
  readonly level: bigint;
  readonly messages: bigint;
}

export function runsOf(world: World): RunRow[] {
  const index = openIndex(indexPathOf(world.path));
  const rows = index.query<RunRow, []>("SELECT level, messages FROM run ORDER BY last_id").all();
  index.close();
  return rows;
}

export function say(process: Process, change: Partial<Talk> = {}): bigint {
  const [code, id = 0n] = commit(process, [talkJob(talk(change))])[0] ?? [];
  expect(storedCodes).toContain(code);
  return id;
}

// For tests: a machine whose clocks a test moves, with a store in a file and a process that looks at the clocks once a
// minute.

import { Database } from "bun:sqlite";
import { expect } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../../src/base/clock.ts";
import { talkJob } from "../../src/store/jobs.ts";
import type { WriterLook } from "../../src/store/sqlite/horizons.ts";
import type { Talk } from "../../src/store/store.ts";
import { commit, idsOf, Process, storedCodes } from "./log-process.ts";
import { talk } from "./samples.ts";

export const minute = 60_000;
export const hour = 3_600_000;
export const day = 86_400_000;

const folders: string[] = [];

/** Deletes the files of the machines so far. */
export function removeMachines(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

function freshPath(): string {
  const folder = mkdtempSync(join(tmpdir(), "store-clock-"));
  folders.push(folder);
  return join(folder, "messages.db");
}

/** A machine with one store and one process, whose housekeeping looks at the clocks once a minute. */
export class Machine {
  readonly path = freshPath();
  wallMs = Date.UTC(2026, 5, 1);
  monotonicMs = 5_000;
  keepMs = 15 * day;
  process: Process;
  private starts = 0;
  readonly clock: Clock = {
    wallMs: () => this.wallMs,
    wallNs: () => BigInt(this.wallMs) * 1_000_000n,
    monotonicMs: () => this.monotonicMs,
  };

  constructor(wallMs?: number) {
    if (wallMs !== undefined) this.wallMs = wallMs;
    writeFileSync(this.path, "");
    this.process = this.another();
    this.look();
  }

  /** One more process on the same store. */
  another(): Process {
    return new Process(this.path, `process-${this.starts++}`, this.clock, 4);
  }

  look(): WriterLook {
    const look = this.process.writer.look(this.keepMs);
    while (this.process.writer.purge());
    return look;
  }

  /** Looks once a minute; in runs of more than 5 hours every ten minutes. */
  run(ms: number): WriterLook {
    const every = ms > 5 * hour ? 10 * minute : minute;
    let look: WriterLook | undefined;
    for (let passed = 0; passed < ms; passed += every) {
      this.wallMs += every;
      this.monotonicMs += every;
      look = this.look();
    }
    return look ?? this.look();
  }

  leap(ms: number): void {
    this.wallMs += ms;
  }

  /** Off for so long. */
  restart(offMs: number): void {
    this.process.die();
    this.wallMs += offMs;
    this.monotonicMs = 5_000;
    this.process = this.another();
    this.look();
  }

  say(change: Partial<Talk> = {}): bigint {
    const [code, id = 0n] = commit(this.process, [talkJob(talk(change))])[0] ?? [];
    expect(storedCodes).toContain(code);
    return id;
  }

  /** What a device without a cursor is shown. */
  shown(): bigint[] {
    return idsOf(this.process, { account: "bob", after: 0n });
  }

  kept(): bigint[] {
    return idsOf(this.process, { account: "bob" });
  }

  sql(statement: string): void {
    const db = new Database(this.path);
    db.run("PRAGMA busy_timeout = 5000");
    db.run(statement);
    db.close();
  }
}

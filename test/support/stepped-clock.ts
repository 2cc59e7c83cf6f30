// A wall clock of a test's own for real processes, stepped while they run: libfaketime (Debian's package `faketime`) is
// loaded into them and reads the offset from a file at each call. Only the wall clock is changed: monotonic time,
// timers and the times of files stay true. Children inherit the clock, unless they are given another environment.
//
// Asking the time costs such a process 4 µs instead of 20 ns.

import { chmodSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const multiarch = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" } as Partial<Record<string, string>>;
const library = `/usr/lib/${multiarch[process.arch] ?? process.arch}/faketime/libfaketime.so.1`;

/** libfaketime is not installed: tests that need it are skipped. */
export const isSteppedClockMissing = !existsSync(library);

export const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;

/** Where glibc keeps POSIX shared memory and semaphores. */
const sharedMemory = "/dev/shm";

export class SteppedClock {
  private readonly folder = mkdtempSync(join(tmpdir(), "roost-clock-"));
  private readonly file = join(this.folder, "offset");
  private ahead = 0;

  /** A clock that is `aheadMs` ahead of the true time. Remove it when the processes that use it have ended. */
  constructor(aheadMs = 0) {
    // A server that runs as another user reads it, too.
    chmodSync(this.folder, 0o755);
    this.stepTo(aheadMs);
  }

  /** How far it is ahead of the true time, in milliseconds; negative if it is behind. */
  get aheadMs(): number {
    return this.ahead;
  }

  /** What it shows now, in milliseconds since 1970. */
  nowMs(): number {
    return Date.now() + this.ahead;
  }

  /** Environment variables that give a process this clock. */
  variables(): Record<string, string> {
    return {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: this.file,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      NO_FAKE_STAT: "1",
    };
  }

  /** Sets it, at once, for all processes that use it: `aheadMs` milliseconds ahead of the true time, or behind it. */
  stepTo(aheadMs: number): void {
    this.ahead = aheadMs;
    // A file that is being written is never read: it appears whole.
    const draft = `${this.file}.new`;
    writeFileSync(draft, `${aheadMs < 0 ? "-" : "+"}${(Math.abs(aheadMs) / 1_000).toFixed(3)}\n`);
    renameSync(draft, this.file);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
    removeLeftovers();
  }
}

/**
 * Each process that starts with libfaketime leaves a semaphore and shared memory, named by its pid, if it exits
 * abruptly.
 */
function removeLeftovers(): void {
  for (const name of readdirSync(sharedMemory)) {
    const [, pid] = /^(?:sem\.faketime_sem|faketime_shm)_(\d+)$/.exec(name) ?? [];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(join(sharedMemory, name), { force: true });
  }
}

// The clock that tests give to real processes: it steps while they run, and only the wall clock does.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { dayMs, isSteppedClockMissing, SteppedClock } from "../support/stepped-clock.ts";

const reader = join(import.meta.dir, "../support/clock-reader.ts");

interface Reading {
  readonly mainMs: number;
  readonly workerMs: number;
  readonly sqliteMs: number;
  readonly monotonicMs: number;
  readonly sleptMs: number;
}

test.skipIf(isSteppedClockMissing)(
  "a stepped clock steps in a running process and its workers; monotonic time and timers do not",
  async () => {
    const clock = new SteppedClock(-dayMs);
    const child = Bun.spawn([process.execPath, reader], {
      env: { ...process.env, ...clock.variables() },
      stdin: "pipe",
      stdout: "pipe",
    });
    const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const begunMs = performance.now();
    let firstMs: number | undefined;
    try {
      for (const days of [-1, 30, 0, -365, 0]) {
        clock.stepTo(days * dayMs);
        const earliestMs = clock.nowMs();
        void child.stdin.write("\n");
        await child.stdin.flush();
        const { value = "" } = await lines.read();
        const { mainMs, workerMs, sqliteMs, monotonicMs, sleptMs }: Reading = JSON.parse(value);
        for (const ms of [mainMs, workerMs, sqliteMs]) {
          expect(ms).toBeGreaterThanOrEqual(earliestMs - 5);
          expect(ms).toBeLessThanOrEqual(clock.nowMs() + 5);
        }
        firstMs ??= monotonicMs;
        // No day passes, and none passes backwards.
        expect(monotonicMs - firstMs).toBeWithin(0, performance.now() - begunMs);
        expect(sleptMs).toBeWithin(15, performance.now() - begunMs);
      }
    } finally {
      child.kill("SIGKILL");
      await child.exited;
      clock.remove();
    }
  },
  60_000,
);

import { expect, test } from "bun:test";
import { join } from "node:path";
import { dayMs, isSteppedClockMissing, SteppedClock } from "../support/stepped-clock.ts";

const program = `
  import { blockFor } from ${JSON.stringify(join(import.meta.dir, "../../src/base/block.ts"))};
  console.log("begun");
  for (let times = 0; times < 100; times++) blockFor(20);
  console.log("ended");
`;

test.skipIf(isSteppedClockMissing)(
  "a thread that blocks goes on when the clock is set back meanwhile",
  async () => {
    const clock = new SteppedClock();
    const child = Bun.spawn([process.execPath, "-e", program], {
      env: { ...process.env, ...clock.variables() },
      stdout: "pipe",
      stderr: "inherit",
    });
    try {
      const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
      expect((await lines.read()).value).toBe("begun\n");
      clock.stepTo(-365 * dayMs);
      expect((await lines.read()).value).toBe("ended\n");
      expect(await child.exited).toBe(0);
    } finally {
      child.kill("SIGKILL");
      await child.exited;
      clock.remove();
    }
  },
  60_000,
);

// What a build of the index says, and when a start stops waiting for it.

import { expect, test } from "bun:test";
import type { Clock } from "../../src/base/clock.ts";
import { createLog } from "../../src/base/log.ts";
import { IndexBuild } from "../../src/store/sqlite/index-build.ts";
import type { Answer, RequestTarget } from "../../src/store/sqlite/protocol.ts";

/** A build of `steps` steps of a second each. */
function slowBuild(steps: number, isBeside: boolean): { build: IndexBuild; lines: string[]; asked: () => number } {
  let [nowMs, step] = [0, 0];
  const clock: Clock = { wallMs: () => nowMs, wallNs: () => BigInt(nowMs) * 1_000_000n, monotonicMs: () => nowMs };
  const compactor: RequestTarget = {
    call: (): Promise<Answer> => {
      nowMs += 1_000;
      step++;
      const percent = step < 3 ? undefined : Math.floor((step * 100) / steps);
      return Promise.resolve({ kind: "caughtUp", more: step < steps, isBeside, messages: step * 1_000, percent });
    },
  };
  const lines: string[] = [];
  const build = new IndexBuild(
    compactor,
    createLog("info", "text", (line) => lines.push(line)),
    clock,
  );
  return { build, lines, asked: () => step };
}

test("a long build says how far it is every five seconds, and callers share it", async () => {
  const { build, lines, asked } = slowBuild(13, true);
  expect(build.describe("it is being built")).toBe("it is being built");
  const running = build.run();
  expect(build.run()).toBe(running);
  await running;
  expect(asked()).toBe(13);
  expect(lines.map((line) => line.trim().replace(/^\S+ info +/, ""))).toEqual([
    "The index of the messages is completed from the log; that takes some seconds a million.",
    "The index of the messages is being built. percent=46 messages=6000",
    "The index of the messages is being built. percent=84 messages=11000",
    "The index of the messages is complete.",
  ]);
});

test("a start waits for a short build, two seconds for a long one, and not at all beside a former index", async () => {
  expect(await slowBuild(2, false).build.start()).toBe("complete");
  const missing = slowBuild(40, false);
  expect(await missing.build.start()).toBe("missing");
  expect(missing.asked()).toBeLessThan(40);
  expect(missing.build.describe("it is being built")).toBe("it is being built");
  await missing.build.run();
  expect(await slowBuild(2, true).build.start()).toBe("beside");
});

test("a build that fails rejects, and the next one begins anew", async () => {
  let calls = 0;
  const compactor: RequestTarget = {
    call: () =>
      ++calls === 1
        ? Promise.reject(new Error("no room"))
        : Promise.resolve({ kind: "caughtUp", more: false, isBeside: false, messages: 0, percent: undefined }),
  };
  const build = new IndexBuild(
    compactor,
    createLog("error", "text", () => undefined),
  );
  expect(build.start()).rejects.toThrow("no room");
  await Bun.sleep(0);
  expect(await build.start()).toBe("complete");
});

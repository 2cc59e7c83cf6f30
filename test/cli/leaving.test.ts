// A server that is asked to end: how long it may take, and with which status it ends.

import { expect, test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import { Leaving } from "../../src/cli/serve/leaving.ts";
import { bound } from "../support/bounds.ts";
import { testLimits } from "../support/limits.ts";
import { ManualTimers } from "../support/manual-timers.ts";

/** A server that has been told to end, and which time it has for it. */
function leaving(shutdownMs: number) {
  const timers = new ManualTimers();
  const limits = testLimits({ shutdownMs });
  const exits: number[] = [];
  const drained = Promise.withResolvers<void>();
  const server = new Leaving({
    serving: { limits, drain: () => drained.promise },
    log: silentLog,
    after: timers.after,
    exit: (status) => void exits.push(status),
  });
  server.signalled("SIGTERM");
  return { server, timers, limits, exits, drained };
}

bound("shutdownMs", {
  async at() {
    const { timers, limits, exits, drained } = leaving(5_000);
    timers.advance(4_999);
    drained.resolve();
    await Bun.sleep(0);
    expect([exits, limits.reached.size]).toEqual([[0], 0]);
  },
  above() {
    const { timers, limits, exits } = leaving(5_000);
    timers.advance(5_000);
    expect([exits, limits.reached.get("shutdownMs")]).toEqual([[1], 1]);
  },
});

test("a drain that fails, and a second signal, end it with status 1", async () => {
  const failed = leaving(5_000);
  failed.drained.reject(new Error("a store"));
  await Bun.sleep(0);
  expect(failed.exits).toEqual([1]);
  const { server, exits } = leaving(5_000);
  expect(server.signalled("SIGINT")).toBe(false);
  expect(exits).toEqual([1]);
});

// The questions that wait for a before hook: bounded, whatever the receiver does.

import { expect, test } from "bun:test";
import { systemClock } from "../../src/base/clock.ts";
import { systemRandom } from "../../src/base/random.ts";
import { systemTimers } from "../../src/base/timers.ts";
import { HookAddresses } from "../../src/hooks/addresses.ts";
import { BeforeQueue, type Verdict } from "../../src/hooks/before-queue.ts";
import { HookCounts } from "../../src/hooks/hook-counts.ts";
import { HttpSender } from "../../src/hooks/http-sender.ts";
import { testSecret } from "./receiver.ts";

test("the texts that wait for an answer are bounded together, and those beyond are not asked about", async () => {
  const never = new HookAddresses(undefined, () => new Promise(() => undefined));
  const sender = new HttpSender({ addresses: never, proxy: undefined, timers: systemTimers, version: "test" });
  const endpoint = {
    id: 1n,
    version: 1n,
    app: "app",
    name: "slow",
    url: "http://crm.example/",
    secret: testSecret,
    events: ["before.send" as const],
    isFailOpen: false,
    positions: { log: 0n, undelivered: 0n },
    lost: 0,
  };
  const bugs: unknown[] = [];
  const queue = new BeforeQueue(endpoint, {
    clock: systemClock,
    timers: systemTimers,
    sender,
    random: systemRandom,
    timeoutMs: 1_000,
    counts: new HookCounts(),
    bug: (error) => bugs.push(error),
  });
  const verdicts: Verdict[] = [];
  const body = "x".repeat(64 * 1024);
  const ask = async (from: number) => verdicts.push(await queue.ask(`sender${from}`, "before.send", { body }));
  const asked = Array.from({ length: 300 }, (_, at) => ask(at));
  // Before any of them can have been too late.
  await Promise.resolve().then(() => undefined);
  expect(verdicts.length).toBe(300 - 255);
  await Promise.all(asked);
  expect([verdicts.every(({ isAllowed }) => !isAllowed), queue.isEmpty, bugs]).toEqual([true, true, []]);
  // All of the room is free again.
  const again = Array.from({ length: 200 }, (_, at) => ask(at));
  await Promise.resolve().then(() => undefined);
  expect(verdicts.length).toBe(300);
  await Promise.all(again);
  sender.close();
});

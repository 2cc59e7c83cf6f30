// When a connection counts as dead, by the ticks of a clock.

import { expect, test } from "bun:test";
import { Liveness } from "../../src/sdk/liveness.ts";
import { ManualTimers } from "../support/manual-timers.ts";

function stage(heartbeatMs = 25_000) {
  const timers = new ManualTimers();
  const seen = { pings: 0, isWaiting: false, isReading: false, isSilent: false };
  const environment = { after: timers.after };
  const liveness = new Liveness(environment, heartbeatMs, {
    ping: () => seen.pings++,
    isWaiting: () => seen.isWaiting,
    isReading: () => seen.isReading,
    silent: () => {
      seen.isSilent = true;
      liveness.stop();
    },
  });
  liveness.start();
  return { liveness, timers, seen };
}

test("a heartbeat goes out every 25 s, and one that is not answered within 10 s ends the connection", () => {
  const { liveness, timers, seen } = stage();
  timers.advance(24_999);
  expect(seen.pings).toBe(0);
  timers.advance(1);
  expect(seen.pings).toBe(1);
  timers.advance(9_999);
  liveness.heard();
  timers.advance(15_001);
  expect([seen.pings, seen.isSilent]).toEqual([2, false]);
  timers.advance(9_999);
  expect(seen.isSilent).toBe(false);
  timers.advance(1);
  expect(seen.isSilent).toBe(true);
});

test("a request that has no answer for 3 s makes a silent connection suspect: a ping, 3 s, the end", () => {
  const { liveness, timers, seen } = stage();
  seen.isWaiting = true;
  liveness.asked(true);
  timers.advance(2_999);
  expect(seen.pings).toBe(0);
  timers.advance(1);
  expect(seen.pings).toBe(1);
  timers.advance(2_999);
  expect(seen.isSilent).toBe(false);
  timers.advance(1);
  expect(seen.isSilent).toBe(true);
});

test("a request that waits on a connection that is heard is left to wait", () => {
  const { liveness, timers, seen } = stage();
  seen.isWaiting = true;
  liveness.asked(true);
  for (let at = 0; at < 20; at++) {
    timers.advance(1_000);
    liveness.heard();
  }
  expect([seen.pings, seen.isSilent]).toEqual([0, false]);
  // Then it falls silent.
  timers.advance(9_000);
  expect(seen.isSilent).toBe(true);
});

test("a request after one that was answered has its own 3 s", () => {
  const { liveness, timers, seen } = stage();
  liveness.asked(true);
  timers.advance(2_000);
  liveness.heard();
  seen.isWaiting = true;
  liveness.asked(true);
  timers.advance(2_000);
  liveness.asked(false);
  expect(seen.pings).toBe(0);
  timers.advance(1_000);
  expect(seen.pings).toBe(1);
});

test("a request that was answered leaves nothing behind", () => {
  const { liveness, timers, seen } = stage();
  liveness.asked(true);
  liveness.heard();
  timers.advance(24_000);
  expect([seen.pings, timers.pending]).toEqual([0, 1]);
});

test("a long answer that may be under way has 10 s after the ping, and so have those that wait behind it", () => {
  const { liveness, timers, seen } = stage();
  seen.isWaiting = true;
  seen.isReading = true;
  liveness.asked(true);
  timers.advance(12_999);
  expect([seen.pings, seen.isSilent]).toEqual([1, false]);
  timers.advance(1);
  expect(seen.isSilent).toBe(true);
});

test("doubting again and again gives no more time, and a doubt does not wait for a heartbeat's answer", () => {
  const { liveness, timers, seen } = stage();
  timers.advance(25_000);
  liveness.probe();
  expect(seen.pings).toBe(2);
  for (let at = 0; at < 29; at++) {
    timers.advance(100);
    liveness.probe();
  }
  expect([seen.pings, seen.isSilent]).toEqual([2, false]);
  timers.advance(100);
  expect(seen.isSilent).toBe(true);
});

test("an answer settles a doubt, and the next one is a doubt again", () => {
  const { liveness, timers, seen } = stage();
  liveness.probe();
  timers.advance(1_000);
  liveness.heard();
  timers.advance(5_000);
  expect(seen.isSilent).toBe(false);
  liveness.probe();
  timers.advance(3_000);
  expect([seen.pings, seen.isSilent]).toEqual([2, true]);
  expect(timers.pending).toBe(0);
});

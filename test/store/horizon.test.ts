import { describe, expect, test } from "bun:test";
import {
  firstHorizon,
  horizonDayMs,
  lookAt,
  waitMsOf,
  type ClockReading,
  type Horizon,
} from "../../src/store/horizon.ts";

const minuteMs = 60_000;
const hourMs = 3_600_000;
const day = horizonDayMs;
const keepMs = 15 * day;

/** A store whose housekeeping looks once a minute, on a machine whose clocks a test moves. */
class Machine {
  wallMs = Date.UTC(2026, 0, 1);
  monotonicMs = 5_000;
  keepMs = keepMs;
  horizon: Horizon = firstHorizon(keepMs, this.wallMs, undefined);
  private before: ClockReading | undefined;

  look(): void {
    const now = { wallMs: this.wallMs, monotonicMs: this.monotonicMs };
    this.horizon = lookAt(this.horizon, this.keepMs, now, this.before);
    this.before = now;
  }

  run(ms: number): void {
    for (let passed = 0; passed < ms; passed += minuteMs) {
      this.wallMs += minuteMs;
      this.monotonicMs += minuteMs;
      this.look();
    }
  }

  /** Off for so long; the monotonic clock begins anew. */
  restart(offMs: number): void {
    this.before = undefined;
    this.monotonicMs = 5_000;
    this.wallMs += offMs;
    this.look();
  }

  leap(ms: number): void {
    this.wallMs += ms;
  }

  get behindMs(): number {
    return this.wallMs - this.keepMs - this.horizon.atMs;
  }
}

describe("a horizon", () => {
  test("moves with time that passes", () => {
    const machine = new Machine();
    machine.run(3 * day);
    expect(machine.behindMs).toBe(0);
    expect(waitMsOf(machine.horizon)).toBe(0);
  });

  test("stays where it was while the clock is 30 days ahead, and goes on when it is right again", () => {
    const machine = new Machine();
    machine.run(hourMs);
    machine.leap(30 * day);
    const at = machine.horizon.atMs;
    machine.run(10 * minuteMs);
    expect(machine.horizon.atMs).toBe(at);
    expect(machine.horizon.isWaiting).toBeTrue();
    machine.leap(-30 * day);
    machine.run(minuteMs);
    expect(machine.behindMs).toBe(0);
    expect(machine.horizon.isWaiting).toBeFalse();
  });

  test("stays where it was when the clock is ahead at a start", () => {
    const machine = new Machine();
    machine.run(hourMs);
    const at = machine.horizon.atMs;
    machine.restart(30 * day);
    machine.run(minuteMs);
    machine.restart(minuteMs);
    expect(machine.horizon.atMs).toBe(at);
  });

  test("waits for a day of running after a year in a drawer, over restarts", () => {
    const machine = new Machine();
    machine.run(day);
    machine.restart(365 * day);
    expect(machine.horizon.isWaiting).toBeTrue();
    machine.run(day - hourMs);
    machine.restart(hourMs);
    expect(waitMsOf(machine.horizon)).toBe(hourMs);
    machine.run(hourMs - minuteMs);
    expect(machine.horizon.isWaiting).toBeTrue();
    machine.run(minuteMs);
    expect(machine.behindMs).toBe(0);
  });

  test("a proof begins anew when the clock leaps again, ahead or back", () => {
    for (const ms of [hourMs, -hourMs, 40 * day]) {
      const machine = new Machine();
      machine.restart(365 * day);
      machine.run(day - hourMs);
      machine.leap(ms);
      machine.run(minuteMs);
      expect(waitMsOf(machine.horizon)).toBe(day);
    }
  });

  test("waits where the retention became shorter by more than a day, and not where by less", () => {
    const machine = new Machine();
    machine.keepMs = 14.5 * day;
    machine.restart(minuteMs);
    expect(machine.behindMs).toBe(0);
    machine.run(2 * day);
    machine.keepMs = day;
    machine.restart(minuteMs);
    expect(machine.horizon.isWaiting).toBeTrue();
    machine.keepMs = 100 * day;
    machine.restart(minuteMs);
    expect(machine.horizon.isWaiting).toBeFalse();
    expect(machine.behindMs).toBe(0);
  });

  test("a retention that becomes shorter does not use another wait's proof", () => {
    const machine = new Machine();
    machine.restart(365 * day);
    machine.run(day - hourMs);
    machine.keepMs = 2 * day;
    machine.restart(minuteMs);
    expect(waitMsOf(machine.horizon)).toBe(day);
  });

  test("small jumps do not add up to more than a day", () => {
    const machine = new Machine();
    const begin = machine.horizon.atMs;
    for (let times = 0; times < 100; times++) {
      machine.leap(23 * hourMs);
      machine.run(minuteMs);
    }
    expect(machine.horizon.atMs - begin).toBeLessThan(day + 2 * hourMs);
  });

  test("a clock that steps every look moves it by a day at most", () => {
    const machine = new Machine();
    const begin = machine.horizon.atMs;
    for (let times = 0; times < 5_000; times++) {
      machine.leap(times % 2 === 0 ? 3 * hourMs : -2 * hourMs);
      machine.run(minuteMs);
    }
    expect(machine.horizon.atMs - begin).toBeLessThan(day + 5_001 * minuteMs);
  });

  test("one of the future comes back", () => {
    const machine = new Machine();
    machine.horizon = { ...machine.horizon, atMs: machine.wallMs + 400 * day };
    machine.run(minuteMs);
    expect(machine.behindMs).toBe(0);
  });

  test("processes that look in turn count the time once", () => {
    const first = new Machine();
    first.restart(365 * day);
    let horizon = first.horizon;
    const readings: (ClockReading | undefined)[] = [undefined, undefined, undefined];
    let { wallMs, monotonicMs } = first;
    for (let looks = 0; looks < 18 * 60 * 3; looks++) {
      wallMs += minuteMs / 3;
      monotonicMs += minuteMs / 3;
      const now = { wallMs, monotonicMs };
      horizon = lookAt(horizon, keepMs, now, readings[looks % 3]);
      readings[looks % 3] = now;
    }
    expect(waitMsOf(horizon)).toBeGreaterThanOrEqual(6 * hourMs);
    expect(waitMsOf(horizon)).toBeLessThanOrEqual(6 * hourMs + 2 * minuteMs);
  });

  test("a new store with old content begins at its oldest", () => {
    const wallMs = Date.UTC(2026, 0, 1);
    expect(firstHorizon(keepMs, wallMs, wallMs - 40 * day).atMs).toBe(wallMs - 40 * day);
    expect(firstHorizon(keepMs, wallMs, wallMs + day).atMs).toBe(wallMs - keepMs);
  });
});

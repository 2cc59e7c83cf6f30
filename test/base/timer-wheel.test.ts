import { describe, expect, test } from "bun:test";
import { Deadline, TimerWheel } from "../../src/base/timer-wheel.ts";
import { Random, testSeed } from "../support/random.ts";

class Recorder extends Deadline {
  readonly firedMs: number[] = [];
  private readonly wheel: TimerWheel;
  private readonly then: (() => void) | undefined;

  constructor(wheel: TimerWheel, then?: () => void) {
    super();
    this.wheel = wheel;
    this.then = then;
  }

  override expire(): void {
    this.firedMs.push(this.wheel.nowMs);
    this.then?.();
  }
}

describe("a timer wheel", () => {
  test("expires no deadline early and each within two ticks, over many rounds", () => {
    const random = new Random(testSeed("a timer wheel"));
    const wheel = new TimerWheel(10, 16);
    const armed: { deadline: Recorder; fromMs: number; delayMs: number }[] = [];
    for (let round = 0; round < 300; round++) {
      const deadline = new Recorder(wheel);
      const delayMs = random.below(2_000);
      wheel.arm(deadline, delayMs);
      armed.push({ deadline, fromMs: wheel.nowMs, delayMs });
      wheel.advance(10 * random.below(4));
    }
    wheel.advance(3_000);
    for (const { deadline, fromMs, delayMs } of armed) {
      expect(deadline.firedMs.length).toBe(1);
      const afterMs = (deadline.firedMs[0] ?? 0) - fromMs;
      // One tick more than asked: it may have been armed at the very end of a tick.
      expect(afterMs).toBeGreaterThanOrEqual(delayMs + (delayMs === 0 ? 0 : 10));
      expect(afterMs).toBeLessThanOrEqual(delayMs + 20);
    }
  });

  test("expires exactly at the boundaries of a round", () => {
    const wheel = new TimerWheel(1, 8);
    const deadlines = [6, 7, 8, 14, 15, 16, 23].map((delayMs) => {
      const deadline = new Recorder(wheel);
      wheel.arm(deadline, delayMs);
      return { deadline, delayMs };
    });
    wheel.advance(100);
    for (const { deadline, delayMs } of deadlines) expect(deadline.firedMs).toEqual([delayMs + 1]);
  });

  test("forgets a disarmed deadline, and disarming twice is nothing", () => {
    const wheel = new TimerWheel(10, 8);
    const deadlines = [1, 2, 3].map(() => new Recorder(wheel));
    for (const deadline of deadlines) wheel.arm(deadline, 50);
    const [first, middle, last] = deadlines;
    if (first === undefined || middle === undefined || last === undefined) throw new Error("three were made");
    wheel.disarm(middle);
    wheel.disarm(middle);
    wheel.advance(200);
    expect([first.firedMs.length, middle.firedMs.length, last.firedMs.length]).toEqual([1, 0, 1]);
    wheel.disarm(first);
  });

  test("re-arming moves a deadline instead of adding one", () => {
    const wheel = new TimerWheel(10, 8);
    const deadline = new Recorder(wheel);
    wheel.arm(deadline, 50);
    wheel.advance(30);
    wheel.arm(deadline, 50);
    wheel.advance(40);
    expect(deadline.firedMs).toEqual([]);
    wheel.advance(200);
    expect(deadline.firedMs).toEqual([90]);
  });

  test("a deadline may arm itself again while it expires, also into the same slot", () => {
    const wheel = new TimerWheel(10, 4);
    const deadline: Recorder = new Recorder(wheel, () => wheel.arm(deadline, 30));
    wheel.arm(deadline, 30);
    wheel.advance(160);
    expect(deadline.firedMs).toEqual([40, 80, 120, 160]);
  });

  test("an expiring deadline may disarm and re-arm neighbours that are due in the same tick", () => {
    const wheel = new TimerWheel(10, 8);
    const disarmed = new Recorder(wheel);
    const moved = new Recorder(wheel);
    const act = (): void => {
      wheel.disarm(disarmed);
      wheel.arm(moved, 20);
    };
    // Neighbours on both sides: whatever the order within a slot, one of the two acts first.
    const before = new Recorder(wheel, act);
    const after = new Recorder(wheel, act);
    wheel.arm(before, 10);
    wheel.arm(disarmed, 10);
    wheel.arm(moved, 10);
    wheel.arm(after, 10);
    wheel.advance(20);
    expect(before.firedMs).toEqual([20]);
    expect(after.firedMs).toEqual([20]);
    expect(disarmed.firedMs).toEqual([]);
    expect(moved.firedMs).toEqual([]);
    wheel.advance(100);
    expect(disarmed.firedMs).toEqual([]);
    expect(moved.firedMs).toEqual([50]);
  });

  test("ticks by itself between start and stop", async () => {
    const wheel = new TimerWheel(1, 8);
    wheel.start();
    const fired = new Promise<void>((resolve) => wheel.arm(new Recorder(wheel, resolve), 5));
    await fired;
    wheel.stop();
    expect(wheel.nowMs).toBeGreaterThanOrEqual(5);
  });
});

import { describe, expect, test } from "bun:test";
import { TurnShare } from "../../src/base/turn-share.ts";

/** A share of 10 ms and this many pieces whose clock and turns the test moves. */
function share(piecesMax = Infinity) {
  const turns: (() => void)[] = [];
  const clock = { nowMs: 0 };
  const done: number[] = [];
  const of = new TurnShare(10, piecesMax, { monotonicMs: () => clock.nowMs }, (turn) => void turns.push(turn));
  const work = (name: number, ms: number) => (): number => {
    clock.nowMs += ms;
    done.push(name);
    return name;
  };
  return { of, done, work, turns, next: () => turns.shift()?.() };
}

describe("a share of a turn", () => {
  test("does work at once while it lasts, and is whole again in the next turn", () => {
    const { of, done, work, next } = share();
    expect(of.run(work(1, 9))).toBe(1);
    expect(of.isFree).toBe(true);
    of.run(work(2, 1));
    expect(of.isFree).toBe(false);
    next();
    expect([of.isFree, done]).toEqual([true, [1, 2]]);
  });

  test("does what waits in the order of its coming, as much in each turn as fits", async () => {
    const { of, done, work, turns, next } = share();
    of.run(work(0, 10));
    const results = [1, 2, 3, 4, 5].map((name) => of.later(work(name, 4)));
    expect(of.isFree).toBe(false);
    next();
    // The third goes beyond it.
    expect(done).toEqual([0, 1, 2, 3]);
    expect(of.isFree).toBe(false);
    next();
    expect(done).toEqual([0, 1, 2, 3, 4, 5]);
    expect(of.isFree).toBe(true);
    expect(await Promise.all(results)).toEqual([1, 2, 3, 4, 5]);
    next();
    expect(turns).toEqual([]);
  });

  test("does no more pieces in a turn than it may, however little they take", () => {
    const { of, done, work, next } = share(2);
    of.run(work(0, 0));
    expect(of.isFree).toBe(true);
    of.run(work(1, 0));
    expect(of.isFree).toBe(false);
    for (const name of [2, 3, 4]) void of.later(work(name, 0));
    next();
    expect(done).toEqual([0, 1, 2, 3]);
    next();
    expect(done).toEqual([0, 1, 2, 3, 4]);
    expect(of.isFree).toBe(true);
  });

  test("takes work that comes out of its work behind what waits", () => {
    const { of, done, work, next } = share();
    of.run(work(0, 10));
    void of.later(() => {
      void of.later(work(3, 1));
      work(1, 1)();
    });
    void of.later(work(2, 1));
    next();
    next();
    expect(done).toEqual([0, 1, 2, 3]);
  });

  test("charges work that throws, and goes on", async () => {
    const { of, done, work, next } = share();
    of.run(work(0, 10));
    const failed = of.later(() => {
      throw new Error("a bug");
    });
    const fine = of.later(work(1, 1));
    next();
    await expect(failed).rejects.toThrow("a bug");
    expect([await fine, done]).toEqual([1, [0, 1]]);
    expect(() =>
      of.run(() => {
        work(2, 10)();
        throw new Error("another bug");
      }),
    ).toThrow("another bug");
    expect(of.isFree).toBe(false);
  });
});

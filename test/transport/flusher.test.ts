import { describe, expect, test } from "bun:test";
import { type Flushable, Flusher } from "../../src/transport/flusher.ts";
import { turn } from "./recording.ts";

class Item implements Flushable {
  isDirty = false;
  flushes = 0;
  private readonly then: () => void;

  constructor(then: () => void = () => {}) {
    this.then = then;
  }

  flush(): void {
    this.flushes++;
    this.then();
  }
}

describe("a flusher", () => {
  test("flushes once what was marked many times, in a later turn", async () => {
    const flusher = new Flusher();
    const item = new Item();
    for (let i = 0; i < 5; i++) flusher.mark(item);
    expect(item.flushes).toBe(0);
    await turn(2);
    expect(item.flushes).toBe(1);
  });

  test("leaves what is marked during a flush to the next turn", () => {
    const flusher = new Flusher();
    const item: Item = new Item(() => flusher.mark(item));
    flusher.mark(item);
    flusher.flushAll();
    expect(item.flushes).toBe(1);
    flusher.flushAll();
    expect(item.flushes).toBe(2);
  });

  test("lets an error through and still flushes the others", () => {
    const flusher = new Flusher();
    const broken = new Item(() => {
      throw new Error("a bug");
    });
    const fine = new Item();
    flusher.mark(broken);
    flusher.mark(fine);
    expect(() => flusher.flushAll()).toThrow("a bug");
    flusher.flushAll();
    expect([broken.flushes, fine.flushes]).toEqual([1, 1]);
  });

  test("leaves to the next turn what does not fit a turn's share, and begins with it", () => {
    let nowMs = 0;
    const order: number[] = [];
    const flusher = new Flusher({ monotonicMs: () => nowMs });
    const item = (at: number): Item =>
      new Item(() => {
        nowMs++;
        order.push(at);
      });
    for (let at = 0; at < 40; at++) flusher.mark(item(at));
    flusher.flushAll();
    const first = order.length;
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(40);
    flusher.mark(item(40));
    while (order.length < 41) flusher.flushAll();
    expect(order).toEqual(Array.from({ length: 41 }, (_, at) => at));
  });

  test("flushes all in one turn, however long that takes, when too much waits, and then says what is left", () => {
    let nowMs = 0;
    let overdrawn = 0;
    const flusher = new Flusher({ monotonicMs: () => nowMs });
    flusher.watch(1_000_000, () => overdrawn++);
    const holders = (count: number, isRead: boolean): void => {
      for (let at = 0; at < count; at++) {
        const queue = flusher.queues.take();
        queue.reserve(60_000);
        const holder = new Item(() => {
          nowMs++;
          if (isRead) flusher.queues.give(queue);
        });
        flusher.mark(holder);
      }
    };
    holders(60, true);
    flusher.flushAll();
    while (flusher.queues.buffers.takenBytes > 0) flusher.flushAll();
    expect(overdrawn).toBe(0);
    holders(60, false);
    flusher.flushAll();
    expect([nowMs, overdrawn]).toEqual([120, 1]);
  });

  test("flushes hundreds in one turn while that is quick", () => {
    const flusher = new Flusher({ monotonicMs: () => 0 });
    const items = Array.from({ length: 500 }, () => new Item());
    for (const item of items) flusher.mark(item);
    flusher.flushAll();
    expect(items.every(({ flushes }) => flushes === 1)).toBe(true);
  });
});

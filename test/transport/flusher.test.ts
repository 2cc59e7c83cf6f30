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
});

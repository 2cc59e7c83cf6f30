import { expect, test } from "bun:test";
import { IdSequence, nextId, nodeOfId, smallestIdAt, snowflakeEpochMs, timeOfId } from "../../src/store/snowflake.ts";
import { testSeed } from "../support/random.ts";

const now = Date.UTC(2026, 5, 1);

test("an id carries its moment and node, and starts its sequence at 0", () => {
  const id = nextId(0n, now, 1023);
  expect(timeOfId(id)).toBe(now);
  expect(nodeOfId(id)).toBe(1023);
  expect(id & 4095n).toBe(0n);
  expect(smallestIdAt(snowflakeEpochMs - 1)).toBe(0n);
});

test("a clock that runs back does not take ids back", () => {
  const last = nextId(0n, now, 5);
  expect(nextId(last, now - 30_000, 5)).toBe(last + 1n);
});

test("a full sequence goes on in the next millisecond with the node's own number", () => {
  const last = smallestIdAt(now) | (5n << 12n) | 4095n;
  expect(nextId(last, now, 5)).toBe(smallestIdAt(now + 1) | (5n << 12n));
});

test("after a higher node's id the next is in the next millisecond, after a lower one's in the same", () => {
  const last = nextId(0n, now, 5);
  expect(nextId(last, now, 6)).toBe(smallestIdAt(now) | (6n << 12n));
  expect(nextId(last, now, 4)).toBe(smallestIdAt(now + 1) | (4n << 12n));
});

test("whatever clocks and nodes do, ids rise strictly and carry the true node", () => {
  const seed = testSeed("snowflake");
  let state = seed;
  const random = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
  let last = 0n;
  let wallMs = now;
  for (let i = 0; i < 20_000; i++) {
    wallMs += random(5) - 2;
    const node = random(3) === 0 ? random(1024) : 7;
    const ids = new IdSequence(last, node);
    for (let count = random(10); count > 0; count--) {
      const id = ids.next(wallMs);
      expect(id > last && nodeOfId(id) === node).toBe(true);
      last = id;
    }
  }
});

test("refuses node numbers of more than 10 bits", () => {
  expect(() => nextId(0n, now, 1024)).toThrow();
  expect(() => nextId(0n, now, -1)).toThrow();
});

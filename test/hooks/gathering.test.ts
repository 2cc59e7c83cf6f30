// When a lane reads its source again.

import { expect, test } from "bun:test";
import { Gathering } from "../../src/hooks/gathering.ts";
import { pageMax } from "../../src/hooks/log-window.ts";

const longestMs = 200;

test("a lane that is told little gathers for the longest time", () => {
  const gathering = new Gathering(longestMs, 0);
  let atMs = 0;
  for (const events of [0, 1, 500, 0, 750]) {
    const dueMs = gathering.nextMs(atMs, 0, false);
    expect(dueMs - atMs).toBe(longestMs);
    atMs = gathering.nextMs(dueMs, events, false);
    expect(atMs - dueMs).toBe(longestMs);
  }
});

test("at a steady rate one read of each gathering is enough, and it is not almost empty", () => {
  for (const perMs of [1, 5, 20, 50]) {
    const gathering = new Gathering(longestMs, 0);
    let [atMs, readUpTo] = [0, 0];
    for (let round = 0; round < 20; round++) {
      const come = Math.floor(atMs * perMs) - readUpTo;
      const events = Math.min(pageMax, come);
      readUpTo += events;
      if (round > 12) expect({ perMs, come, isOne: come <= pageMax }).toMatchObject({ isOne: true });
      if (round > 12 && perMs >= 5) expect(events).toBeGreaterThan(pageMax / 2);
      atMs = gathering.nextMs(atMs, events, come > events);
    }
  }
});

test("what there is more of is read at once, and counts with what came before it", () => {
  const gathering = new Gathering(longestMs, 0);
  const firstMs = gathering.nextMs(0, 0, false);
  expect(gathering.nextMs(firstMs, pageMax, true)).toBe(firstMs);
  expect(gathering.nextMs(firstMs, pageMax, true)).toBe(firstMs);
  const dueMs = gathering.nextMs(firstMs, pageMax, false);
  expect(dueMs - firstMs).toBe((longestMs * 0.75) / 3);
});

test("after a burst a lane gathers for the longest time again", () => {
  const gathering = new Gathering(longestMs, 0);
  const firstMs = gathering.nextMs(0, 0, false);
  const dueMs = gathering.nextMs(firstMs, 8 * pageMax, false);
  expect(dueMs - firstMs).toBeLessThan(longestMs / 8);
  expect(gathering.nextMs(dueMs, 0, false) - dueMs).toBe(longestMs);
});

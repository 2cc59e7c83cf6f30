// Which receivers ask whom they have talked with (src/store/sqlite/people/selective-receivers.ts).

import { expect, test } from "bun:test";
import { SelectiveReceivers } from "../../src/store/sqlite/people/selective-receivers.ts";

test("a receiver is known in its app alone, with its own senders alone", () => {
  const receivers = new SelectiveReceivers(100);
  expect(receivers.talkedAtMs("app", "bob", "ann")).toBeUndefined();
  receivers.add("app", "bob");
  expect(receivers.talkedAtMs("app", "bob", "ann")).toBe(-Infinity);
  receivers.setTalked("app", "bob", "ann", 7);
  expect(receivers.talkedAtMs("app", "bob", "ann")).toBe(7);
  receivers.add("app", "bob");
  expect(receivers.talkedAtMs("app", "bob", "ann")).toBe(7);
  expect(receivers.talkedAtMs("app", "bob", "eve")).toBe(-Infinity);
  expect(receivers.talkedAtMs("app", "ann", "bob")).toBeUndefined();
  expect(receivers.talkedAtMs("other", "bob", "ann")).toBeUndefined();
});

test("holds no more than its bound, and what is used stays", () => {
  const entriesMax = 100;
  const receivers = new SelectiveReceivers(entriesMax);
  receivers.setTalked("app", "bob", "ann", 7);
  receivers.add("app", "dan");
  const others = Array.from({ length: 10 * entriesMax }, (_, number) => `${number}`);
  for (const [number, other] of others.entries()) {
    if (number % 3 === 0) receivers.setTalked("app", other, "ann", number);
    else if (number % 3 === 1) receivers.setTalked("app", "eve", other, number);
    else receivers.add(other, "bob");
    expect(receivers.talkedAtMs("app", "bob", "ann")).toBe(7);
    expect(receivers.talkedAtMs("app", "dan", "ann")).toBe(-Infinity);
  }
  const kept = others.filter((other, number) => {
    if (number % 3 === 0) return receivers.talkedAtMs("app", other, "ann") !== undefined;
    if (number % 3 === 1) return receivers.talkedAtMs("app", "eve", other) === number;
    return receivers.talkedAtMs(other, "bob", "ann") !== undefined;
  });
  expect(kept.length).toBeLessThan(entriesMax);
  expect(kept.at(-1)).toBe(others.at(-1) ?? "");
});

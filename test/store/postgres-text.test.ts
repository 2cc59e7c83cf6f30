import { expect, test } from "bun:test";
import { fromText, toText } from "../../src/store/postgres/text.ts";
import { Random, testSeed } from "../support/random.ts";

test("text comes back as it was, holds no NUL on the way, and different texts stay different", () => {
  const random = new Random(testSeed("postgres text"));
  const kept = new Map<string, string>();
  for (let round = 0; round < 20_000; round++) {
    const text = Array.from({ length: random.below(7) }, () => random.pick(["\0", "\x01", "\x02", "a", "ü"])).join("");
    const inside = toText(text);
    expect(inside.includes("\0")).toBe(false);
    expect(fromText(inside)).toBe(text);
    expect(kept.get(inside) ?? text).toBe(text);
    kept.set(inside, text);
  }
});

test("text without NUL and escape is kept as it is", () => {
  expect(toText("{a\\b}\x02 ü😀")).toBe("{a\\b}\x02 ü😀");
});

import { expect, test } from "bun:test";
import { GenerationCache } from "../../src/base/generation-cache.ts";

test("keeps what was used last, within its bound", () => {
  const cache = new GenerationCache<number>(100);
  for (let at = 0; at < 1_000; at++) {
    cache.set(`k${at}`, at);
    expect(cache.get("k0")).toBe(0);
  }
  const kept = Array.from({ length: 1_000 }, (_, at) => at).filter((at) => cache.get(`k${at}`) === at);
  expect(kept.length).toBeLessThanOrEqual(101);
  expect(kept).toContain(999);
  expect(cache.get("nobody")).toBeUndefined();
  cache.clear();
  expect(cache.get("k999")).toBeUndefined();
});

// Selection by hash: the golden answers of an independent implementation, and what moves when nodes come and go.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import vectors from "../../../proto/vectors/selectors.json" with { type: "json" };
import { HashModSelector } from "../../../src/routing/selectors/hash-mod.ts";
import { fmix32, HashSelector } from "../../../src/routing/selectors/hash.ts";
import { Random, testSeed } from "../../support/random.ts";
import { countChoices, deviationMax, keyOf, nodesOf, randomKeys } from "./support.ts";

const seed = testSeed("selection by hash");
const hash = new HashSelector();
const hashMod = new HashModSelector();

test("the platform's CRC-32 is the golden one", () => {
  expect(vectors.crc32.length).toBeGreaterThan(10);
  for (const { key, value } of vectors.crc32) expect(Bun.hash.crc32(key)).toBe(value);
});

test("the finaliser is MurmurHash3's", () => {
  expect(vectors.fmix32.length).toBeGreaterThan(3);
  for (const { value, result } of vectors.fmix32) expect(fmix32(value)).toBe(result);
});

describe("rendezvous hashing", () => {
  test("chooses as an independent implementation does", () => {
    expect(vectors.rendezvous.length).toBeGreaterThan(10);
    for (const { key, ids, node } of vectors.rendezvous)
      expect(hash.choose(nodesOf(...ids), keyOf(key))?.id).toBe(node);
  });

  test("moves, when a node goes, that node's connections and no others", () => {
    const ids = fc.uniqueArray(fc.string({ unit: "binary", maxLength: 20 }), { minLength: 2, maxLength: 12 });
    fc.assert(
      fc.property(ids, fc.nat(), fc.array(fc.string({ unit: "binary" }), { minLength: 1 }), (list, nth, channelIds) => {
        const gone = list[nth % list.length];
        const left = nodesOf(...list.filter((id) => id !== gone));
        for (const channelId of channelIds) {
          const before = hash.choose(nodesOf(...list), keyOf(channelId))?.id;
          const after = hash.choose(left, keyOf(channelId))?.id;
          if (before !== gone) expect(after).toBe(before ?? "none");
        }
      }),
      { seed },
    );
  });

  test("moves, when a node comes, only to that node, and its share of the connections", () => {
    const random = new Random(seed);
    const keys = randomKeys(random, 4_000);
    for (const count of [2, 3, 7]) {
      const ids = Array.from({ length: count }, (_, at) => `chat-${random.u32().toString(36)}-${at}`);
      const before = nodesOf(...ids.slice(1));
      const after = nodesOf(...ids);
      const moved = keys.filter((key) => hash.choose(before, key)?.id !== hash.choose(after, key)?.id);
      for (const key of moved) expect(hash.choose(after, key)?.id).toBe(ids[0] ?? "none");
      expect(Math.abs(moved.length - keys.length / count)).toBeLessThan(deviationMax(keys.length, 1 / count));
    }
  });

  test("spreads connections evenly", () => {
    const nodes = nodesOf("chat1", "chat2", "chat3");
    const keys = randomKeys(new Random(seed), 6_000);
    const counts = countChoices(keys.map((key) => hash.choose(nodes, key)));
    for (const { id } of nodes)
      expect(Math.abs((counts.get(id) ?? 0) - 2_000)).toBeLessThan(deviationMax(6_000, 1 / 3));
  });
});

describe("crc32 mod n", () => {
  test("chooses as an independent implementation does", () => {
    expect(vectors.hashMod.length).toBeGreaterThan(10);
    for (const { key, ids, node } of vectors.hashMod)
      expect(hashMod.choose(nodesOf(...ids), keyOf(key))?.id).toBe(node);
  });
});

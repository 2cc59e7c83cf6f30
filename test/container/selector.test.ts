import { expect, test } from "bun:test";
import vectors from "../../proto/vectors/selectors.json" with { type: "json" };
import { fmix32, selectByHash } from "../../src/container/selector.ts";

test("the platform's CRC-32 is the golden one", () => {
  for (const { key, value } of vectors.crc32) expect(Bun.hash.crc32(key)).toBe(value);
});

test("the finaliser is MurmurHash3's", () => {
  for (const { value, result } of vectors.fmix32) expect(fmix32(value)).toBe(result);
});

test("rendezvous hashing chooses as an independent implementation does", () => {
  expect(vectors.rendezvous.length).toBeGreaterThan(10);
  for (const { key, ids, node } of vectors.rendezvous) expect(selectByHash(key, ids)).toBe(node);
});

test("a node that goes moves only its own keys", () => {
  const ids = ["n1", "n2", "n3", "n4"];
  for (let index = 0; index < 2000; index++) {
    const key = `key ${index}`;
    const before = selectByHash(key, ids);
    if (before !== "n2") expect(selectByHash(key, ["n1", "n3", "n4"])).toBe(before ?? "");
  }
});

test("without nodes nobody is chosen", () => {
  expect(selectByHash("key", [])).toBeUndefined();
});

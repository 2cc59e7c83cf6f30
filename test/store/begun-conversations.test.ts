import { expect, test } from "bun:test";
import { BegunConversations } from "../../src/store/postgres/begun-conversations.ts";

test("a conversation is known in both directions, and no other with it", () => {
  const begun = new BegunConversations();
  expect(begun.has(1n, 2n)).toBe(false);
  begun.remember(1n, 2n);
  begun.remember(7n, 7n);
  expect([begun.has(1n, 2n), begun.has(2n, 1n), begun.has(7n, 7n)]).toEqual([true, true, true]);
  expect([begun.has(1n, 1n), begun.has(2n, 2n), begun.has(1n, 3n), begun.has(12n, 0n)]).not.toContain(true);
});

test("of many, it keeps those that were remembered last, and takes none for another", () => {
  const begun = new BegunConversations();
  const count = 400_000;
  const pair = (at: number): readonly [bigint, bigint] => [BigInt(1 + (at % 1_000)), BigInt(2 ** 33 + at)];
  for (let at = 0; at < count; at++) begun.remember(...pair(at));
  const kept = Array.from({ length: count }, (_, at) => at).filter((at) => begun.has(...pair(at)));
  expect(kept.length).toBeGreaterThan(65_536);
  expect(kept.length).toBeLessThanOrEqual(131_072);
  // Most of the last ones are there; a few have lost their place to later ones.
  expect(kept.filter((at) => at >= count - 20_000).length).toBeGreaterThan(19_000);
  const strangers = kept.filter((at) => begun.has(BigInt(1 + (at % 1_000)), BigInt(at + 1_001)));
  expect(strangers).toEqual([]);
});

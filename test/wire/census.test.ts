import { expect, test } from "bun:test";
import { markOf, SessionTally } from "../../src/session/tally.ts";
import { decodeCensusQuestion, decodeMarks, encodeCensusQuestion, encodeMarks } from "../../src/wire/census.ts";
import { Random, testSeed } from "../support/random.ts";

test("two who count the same sessions agree, in whatever order and after whatever else came and went", () => {
  const random = new Random(testSeed("census"));
  const ids = Array.from({ length: 1_000 }, (_, at) => `gw1_user${at}_${random.below(2 ** 31).toString(36)}`);
  const [one, other] = [new SessionTally(), new SessionTally()];
  for (const id of ids) one.add(id);
  for (const id of ids.toReversed()) {
    other.add(id);
    other.add(`${id}x`);
    other.remove(`${id}x`);
  }
  expect([other.count, other.sum]).toEqual([one.count, one.sum]);
  other.remove(ids[0] ?? "");
  other.add(`${ids[0]}x`);
  expect(other.count).toBe(one.count);
  expect(other.sum).not.toBe(one.sum);
});

test("questions and answers come back as they were sent, and what is neither is refused", () => {
  const question = { count: 2 ** 32 - 1, sum: 2 ** 31 + 5 };
  expect(decodeCensusQuestion(Buffer.from(encodeCensusQuestion(question)))).toEqual(question);
  for (const bytes of [0, 7, 9]) expect(decodeCensusQuestion(Buffer.alloc(bytes))).toBeUndefined();
  const marks = [0, 1, 2 ** 32 - 1, markOf("gw1_ann_1")];
  expect(decodeMarks(Buffer.from(encodeMarks(marks)))).toEqual(new Set(marks));
  expect(decodeMarks(Buffer.alloc(0))).toEqual(new Set());
  expect(decodeMarks(Buffer.alloc(5))).toBeUndefined();
});

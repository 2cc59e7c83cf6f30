// The rate of answers over UDP, by network.

import { describe, expect, test } from "bun:test";
import { AnswerRate, type Allowance } from "../../../src/registry/dns/answer-rate.ts";
import { bound } from "../../support/bounds.ts";

const seed = 7;

/** What this many queries of a sender at one moment come to. */
const take = (rate: AnswerRate, sender: string, count: number, nowMs = 0): Allowance[] =>
  Array.from({ length: count }, () => rate.take(sender, nowMs));

bound("dnsAnswersPerSecond", {
  at() {
    const rate = new AnswerRate(5, seed);
    for (let second = 1; second <= 3; second++)
      expect(new Set(take(rate, "192.0.2.1", 5, second * 1_000))).toEqual(new Set(["answer"]));
  },
  above() {
    const rate = new AnswerRate(5, seed);
    expect(take(rate, "192.0.2.1", 9).slice(5)).toEqual(["cut", "nothing", "cut", "nothing"]);
    // A fifth of a second pays for one.
    expect(take(rate, "192.0.2.1", 2, 200)).toEqual(["answer", "cut"]);
  },
});

describe("one network", () => {
  test.each([
    ["192.0.2.1", "192.0.2.255"],
    ["2001:db8:1:2300::1", "2001:db8:1:23ff:ffff::2"],
    ["2001:db8::1", "2001:db8:0:ff::9"],
    ["::1:2:3:4", "::ffff:0:0"],
    ["fe80::1%eth0", "fe80::2%eth0"],
  ])("holds %p and %p", (one, other) => {
    const rate = new AnswerRate(1, seed);
    expect([rate.take(one, 0), rate.take(other, 0)]).toEqual(["answer", "cut"]);
  });
});

describe("two networks", () => {
  test.each([
    ["192.0.2.1", "192.0.3.1"],
    ["1.2.34.1", "1.23.4.1"],
    ["2001:db8:1:2300::1", "2001:db8:1:2400::1"],
    ["2001:db8::1", "2001:db8:1::1"],
    ["1:2:3:4:5:6:7:8", "12:3:4:5:6:7:8:9"],
  ])("hold %p and %p", (one, other) => {
    const rate = new AnswerRate(1, seed);
    expect([rate.take(one, 0), rate.take(other, 0)]).toEqual(["answer", "answer"]);
  });

  test("rarely share a bucket, and which ones do differs with the seed", () => {
    const senders = Array.from({ length: 1_000 }, (_, at) => `10.${at >> 8}.${at & 255}.1`);
    const shared = (of: number): string[] => {
      const rate = new AnswerRate(1, of);
      return senders.filter((sender) => rate.take(sender, 0) !== "answer");
    };
    expect(shared(1).length).toBeLessThan(40);
    expect(shared(1)).not.toEqual(shared(2));
  });
});

test("this machine has no rate", () => {
  const rate = new AnswerRate(1, seed);
  for (const sender of ["127.0.0.1", "127.9.9.9", "::1"])
    expect(new Set(take(rate, sender, 100))).toEqual(new Set(["answer"]));
});

test("a network that was quiet has its whole rate, and no more", () => {
  const rate = new AnswerRate(3, seed);
  take(rate, "192.0.2.1", 10);
  const later = take(rate, "192.0.2.1", 4, 3_600_000);
  expect(later.map((allowance) => allowance === "answer")).toEqual([true, true, true, false]);
});

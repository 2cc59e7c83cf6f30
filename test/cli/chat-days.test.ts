import { expect, test } from "bun:test";
import { DayLines } from "../../src/cli/chat/day-lines.ts";

/** Noon of a day of November 2026, in the local time zone. */
const noon = (day: number): number => new Date(2026, 10, day, 12).getTime();
const sent = (day: number): bigint => BigInt(noon(day)) * 1_000_000n;

test("a date stands before the first message of each other day, and of this day after them", () => {
  const days = new DayLines(noon(29));
  const lines = [29, 27, 27, 28, 29, 29].map((day) => days.before(sent(day)));
  expect(lines).toEqual([
    [],
    ["* Friday, 27 November 2026"],
    [],
    ["* Saturday, 28 November 2026"],
    ["* Sunday, 29 November 2026"],
    [],
  ]);
});

test("a time that no calendar has is not a failure", () => {
  expect(new DayLines(noon(29)).before(2n ** 63n * 1_000_000n)).toEqual(["* a day that does not exist"]);
});

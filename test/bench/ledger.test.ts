// What the bench counts as delivered, doubled and out of order.

import { expect, test } from "bun:test";
import { Ledger } from "../../bench/generator/ledger.ts";

function after(...numbers: number[]): Pick<Ledger, "delivered" | "duplicated" | "reordered"> {
  const ledger = new Ledger();
  for (const number of numbers) ledger.note(number);
  const { delivered, duplicated, reordered } = ledger;
  return { delivered, duplicated, reordered };
}

test("a series in order is delivered, and nothing else", () => {
  expect(after(0, 1, 2, 3)).toEqual({ delivered: 4, duplicated: 0, reordered: 0 });
});

test("what is missing is not delivered", () => {
  expect(after(0, 3, 4)).toEqual({ delivered: 3, duplicated: 0, reordered: 0 });
});

test("what comes late is delivered, and counts as out of order", () => {
  expect(after(0, 2, 3, 1)).toEqual({ delivered: 4, duplicated: 0, reordered: 1 });
});

test("what comes again counts once, also when it was late", () => {
  expect(after(0, 0, 2, 1, 1, 2)).toEqual({ delivered: 3, duplicated: 3, reordered: 1 });
});

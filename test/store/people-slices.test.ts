// What is asked of the reader's thread in one request: others' reads wait for it.

import { expect, test } from "bun:test";
import { watchAccountsMax } from "../../src/base/limits/fixed.ts";
import { SqlitePeople } from "../../src/store/sqlite/people/sqlite-people.ts";
import type { RequestTarget } from "../../src/store/sqlite/protocol.ts";

test("whom one may watch is asked for in slices, so that other reads come in between", async () => {
  const asked: number[] = [];
  const reader: RequestTarget = {
    call: (request) => {
      if (request.kind !== "people" || request.question.ask !== "watchable") throw new Error("expected that question");
      const { accounts } = request.question;
      asked.push(accounts.length);
      return Promise.resolve({ kind: "people", answer: accounts.slice(1) });
    },
  };
  const people = new SqlitePeople(reader, reader, () => Promise.reject(new Error("nothing is written")));
  const names = Array.from({ length: watchAccountsMax }, (_, at) => `a${at}`);
  const found = await people.watchable("app", "ann", names);
  expect(asked.reduce((sum, count) => sum + count)).toBe(names.length);
  expect(Math.max(...asked)).toBeLessThanOrEqual(20);
  expect(found).toHaveLength(names.length - asked.length);
  expect(found.slice(0, 2)).toEqual(["a1", "a2"]);
});

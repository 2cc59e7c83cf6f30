// Results as lines of JSON: always the same keys, read again, and compared.

import { expect, test } from "bun:test";
import { compareRuns } from "../../bench/report.ts";
import { parseResults, resultKeys, resultOf } from "../../bench/result.ts";

const before = resultOf("talk", { transport: "tcp", per_second: 1000, p50_ms: 2, valid: true, extra: "x" });

test("a result has all keys in their order, null where they do not apply, and behind them its own", () => {
  expect(Object.keys(before)).toEqual([...resultKeys, "extra"]);
  expect(before).toMatchObject({ scenario: "talk", per_second: 1000, rate: null, valid: true, extra: "x" });
});

test("a line of JSON is read as the result that it was", () => {
  expect(parseResults(`${JSON.stringify(before)}\n\n`, "a file")).toEqual([before]);
});

test.each(["not JSON", "[]", "1", '{"scenario":"talk"}', '{"scenario":"talk","valid":true,"deep":{}}'])(
  "a line that is no result is named: %s",
  (line) => {
    expect(() => parseResults(`${JSON.stringify(before)}\n${line}`, "a file")).toThrow(
      "a file: line 2 is not a result",
    );
  },
);

test("two runs are compared figure by figure, and doubts are shown", () => {
  const after = { ...before, per_second: 1500, p50_ms: 1, valid: false };
  const lines = compareRuns([before], [after]).split("\n");
  expect(lines).toContain("| talk tcp | per_second | 1,000 | 1,500 | +50.0 % (invalid: after) |");
  expect(lines).toContain("| talk tcp | p50_ms | 2 | 1 | -50.0 % (invalid: after) |");
});

test("a figure that only one run has is marked as absent in the other", () => {
  const other = resultOf("idle", { transport: "ws", valid: true });
  const lines = compareRuns([before], [other]).split("\n");
  expect(lines).toContain("| idle ws |  | absent | present |  |");
  expect(lines).toContain("| talk tcp |  | present | absent |  |");
});

test("the comparison of a file that is not there ends with a sentence", () => {
  const run = Bun.spawnSync([
    process.execPath,
    `${import.meta.dir}/../../bench/report.ts`,
    "/nowhere.json",
    "/nor.json",
  ]);
  expect(run.exitCode).toBe(1);
  expect(run.stdout.toString()).toBe("");
  expect(run.stderr.toString()).toMatch(/^report: .*\/nowhere\.json/);
});

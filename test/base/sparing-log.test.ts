// What fails by the request is logged once a second.

import { expect, test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import { sparingLog } from "../../src/base/sparing-log.ts";

test("a warning is logged at most once a second, and the next one says how many were left out", () => {
  const lines: unknown[] = [];
  let nowMs = 0;
  const log = sparingLog(
    { ...silentLog, warn: (sentence, fields) => void lines.push([sentence, fields]) },
    () => nowMs,
  );
  for (; nowMs < 2_500; nowMs += 100) log.warn("away", { nowMs });
  log.warn("another");
  expect(lines).toEqual([
    ["away", { nowMs: 0 }],
    ["away", { nowMs: 1_000, unlogged: 9 }],
    ["away", { nowMs: 2_000, unlogged: 9 }],
    ["another", undefined],
  ]);
});

test("errors and information are passed on as they are", () => {
  const lines: string[] = [];
  const keep = (sentence: string): void => void lines.push(sentence);
  const log = sparingLog({ ...silentLog, info: keep, error: keep }, () => 0);
  for (let count = 0; count < 2; count++) log.info("info");
  for (let count = 0; count < 2; count++) log.error("error");
  expect(lines).toEqual(["info", "info", "error", "error"]);
});

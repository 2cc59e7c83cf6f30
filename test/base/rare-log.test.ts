// Sentences that many requests cause, and one line for them.

import { expect, test } from "bun:test";
import { type LogFields, silentLog } from "../../src/base/log.ts";
import { RareLog } from "../../src/base/rare-log.ts";

function rarely() {
  const lines: (readonly [string, LogFields | undefined])[] = [];
  const keep = (sentence: string, fields?: LogFields): void => void lines.push([sentence, fields]);
  let nowMs = 5_000;
  const log = new RareLog({ ...silentLog, warn: keep, error: keep }, { monotonicMs: () => nowMs }, 1_000);
  return { lines, log, passMs: (ms: number) => (nowMs += ms) };
}

test("a sentence is logged once in a pause, and the next line counts those that were not", () => {
  const { lines, log, passMs } = rarely();
  for (let count = 0; count < 500; count++) log.warn("away", { count });
  passMs(999);
  log.warn("away", { count: 500 });
  expect(lines).toEqual([["away", { count: 0 }]]);
  passMs(1);
  log.warn("away", { count: 501 });
  passMs(1_000);
  log.warn("away", { count: 502 });
  expect(lines.slice(1)).toEqual([
    ["away", { count: 501, unlogged: 500 }],
    ["away", { count: 502 }],
  ]);
});

test("each sentence has a pause of its own", () => {
  const { lines, log } = rarely();
  log.warn("away", {});
  log.error("broken", {});
  log.warn("away", {});
  expect(lines).toEqual([
    ["away", {}],
    ["broken", {}],
  ]);
});

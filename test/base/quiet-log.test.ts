// Equal lines are one line a second with a count.

import { expect, test } from "bun:test";
import { createLog } from "../../src/base/log.ts";
import { QuietLog } from "../../src/base/quiet-log.ts";
import { ManualTimers } from "../support/manual-timers.ts";

function quiet(): { log: QuietLog; lines: string[]; timers: ManualTimers } {
  const lines: string[] = [];
  const timers = new ManualTimers();
  const inner = createLog("info", "text", (line) => lines.push(line.slice("2026-11-28T05:00:00.000Z ".length).trim()));
  return { log: new QuietLog(inner, "info", timers), lines, timers };
}

test("the first is written at once, the others of a second as one with their number", () => {
  const { log, lines, timers } = quiet();
  for (let line = 0; line < 10_400; line++) log.warn("refused", { command: "talk" });
  expect(lines).toEqual(['warn  refused command="talk"']);
  timers.advance(1_000);
  expect(lines.slice(1)).toEqual(['warn  refused command="talk" repeated=10399']);
  log.warn("refused", { command: "talk" });
  timers.advance(1_000);
  expect(lines.slice(2)).toEqual(['warn  refused command="talk" repeated=1']);
  // Nothing for a while: the next one is written at once.
  timers.advance(5_000);
  log.warn("refused", { command: "talk" });
  expect(lines.slice(3)).toEqual(['warn  refused command="talk"']);
});

test("lines that differ in level, sentence or a field are different", () => {
  const { log, lines } = quiet();
  log.info("linked", { node: "a" });
  log.info("linked", { node: "b" });
  log.warn("linked", { node: "b" });
  log.info("linked");
  expect(lines).toHaveLength(4);
});

test("what was only counted is written at the end", () => {
  const { log, lines } = quiet();
  for (let line = 0; line < 3; line++) log.error("away");
  log.flush();
  log.flush();
  expect(lines).toEqual(["error away", "error away repeated=2"]);
});

test("of thousands of different lines the oldest are forgotten, and none is lost", () => {
  const { log, lines } = quiet();
  log.info("line", { number: 0 });
  log.info("line", { number: 0 });
  for (let number = 1; number <= 5_000; number++) log.info("line", { number });
  expect(lines).toHaveLength(5_002);
  expect(lines).toContain("info  line number=0 repeated=1");
});

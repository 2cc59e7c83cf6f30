// Tables of results: one a scenario, no column without a value, and what all lines share above.

import { expect, test } from "bun:test";
import { resultOf } from "../../bench/result.ts";
import { markdownTable, scenarioTables } from "../../bench/tables.ts";

const whole = resultOf("talk", { transport: "tcp", store: "sqlite", connections: 20, per_second: 1_000, valid: true });
const part = resultOf("talk", { transport: "tcp", store: "sqlite", node: "chat-1", server_cpu: 0.5, valid: true });

test("what differs has a column, and what all lines share stands above", () => {
  const other = { ...whole, transport: "ws", per_second: 900 };
  expect(scenarioTables([whole, other])).toBe(
    [
      "### talk",
      "",
      "sqlite, connections 20",
      "",
      "| transport | per_second |",
      "|---|---|",
      "| tcp | 1,000 |",
      "| ws | 900 |",
    ].join("\n"),
  );
});

test("processes have lines of their own, and need not repeat what stands in the whole's", () => {
  const lines = scenarioTables([whole, part]).split("\n");
  expect(lines).toContain("tcp, sqlite, connections 20");
  expect(lines.slice(-4)).toEqual([
    "| node | per_second | server_cpu |",
    "|---|---|---|",
    "|  | 1,000 |  |",
    "| chat-1 |  | 0.5 |",
  ]);
});

test("each scenario has its own table", () => {
  const idle = resultOf("idle", { bytes_per_connection: 2_000, valid: true });
  const headings = scenarioTables([whole, idle, part])
    .split("\n")
    .filter((line) => line.startsWith("###"));
  expect(headings).toEqual(["### talk", "### idle"]);
});

test("a table says whether its lines are valid when one is not", () => {
  const doubtful = { ...whole, valid: false, doubt: "messages came twice" };
  expect(scenarioTables([whole, doubtful])).toContain("| per_second | valid | doubt |");
});

test("a cell keeps its table whole", () => {
  expect(markdownTable(["a"], [["one | two\nthree"]]).split("\n")[2]).toBe("| one \\| two three |");
});

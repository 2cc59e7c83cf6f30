import { expect, test } from "bun:test";
import { type LogFields, silentLog } from "../../src/base/log.ts";
import { ContainedBugs } from "../../src/observe/contained-bugs.ts";
import { expositionOf } from "../../src/observe/exposition.ts";
import { Metrics } from "../../src/observe/metrics.ts";

function told() {
  const lines: { readonly sentence: string; readonly fields: LogFields | undefined }[] = [];
  const log = {
    ...silentLog,
    error: (sentence: string, fields?: LogFields) => void lines.push({ sentence, fields }),
  };
  let nowMs = 1_000;
  return {
    lines,
    log,
    bugs: new ContainedBugs(log, { monotonicMs: () => nowMs }),
    passMs: (ms: number) => (nowMs += ms),
  };
}

test("a bug is logged with its stack, once a minute for each kind, and all are counted", () => {
  const { lines, bugs, passMs } = told();
  const bug = new TypeError("undefined is not a function");
  for (let count = 0; count < 100; count++) bugs.met("connection", bug);
  bugs.met("request", bug, { command: "chat.user.talk" });
  expect(lines).toEqual([
    { sentence: "a connection was ended by a bug", fields: { error: bug.stack } },
    { sentence: "a request was failed by a bug", fields: { command: "chat.user.talk", error: bug.stack } },
  ]);
  passMs(59_999);
  bugs.met("connection", bug);
  expect(lines.length).toBe(2);
  passMs(1);
  bugs.met("connection", bug);
  expect(lines[2]).toEqual({
    sentence: "a connection was ended by a bug",
    fields: { error: bug.stack, unlogged: 100 },
  });
  expect([...bugs.counts()]).toEqual([
    ["connection", 102],
    ["request", 1],
    ["http", 0],
    ["dns", 0],
    ["control", 0],
  ]);
});

test("what is thrown need not be an error", () => {
  const { lines, bugs } = told();
  bugs.met("dns", "only a text");
  expect(lines[0]?.fields).toEqual({ error: "only a text" });
});

test("the bugs of all services are one metric, by kind", async () => {
  const { log } = told();
  const metrics = new Metrics(log);
  metrics.forService("a", "gateway").bug(new Error("x"));
  metrics.forService("b", "chat").bug(new Error("y"));
  metrics.forService("b", "chat").bug(new Error("z"), "request");
  const text = await expositionOf(metrics).metrics();
  expect(text).toContain('roost_bugs_total{kind="connection"} 2\n');
  expect(text).toContain('roost_bugs_total{kind="request"} 1\n');
  expect(text).toContain('roost_bugs_total{kind="http"} 0\n');
});

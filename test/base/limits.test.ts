// What a limit counts, logs and tells.

import { expect, test } from "bun:test";
import { Limits } from "../../src/base/limits/limits.ts";
import { limitRows } from "../../src/base/limits/report.ts";
import { shownUse, shownValue, writtenValue } from "../../src/base/limits/shown.ts";
import { limitTable } from "../../src/base/limits/table.ts";
import { type Log, type LogFields, silentLog } from "../../src/base/log.ts";

interface Line {
  readonly sentence: string;
  readonly fields: LogFields | undefined;
}

function recordingLog(lines: Line[]): Log {
  return { ...silentLog, warn: (sentence, fields) => void lines.push({ sentence, fields }) };
}

test("a limit that is reached is counted each time, and logged at most once a minute and limit", () => {
  const lines: Line[] = [];
  let nowMs = 0;
  const limits = new Limits(
    recordingLog(lines),
    { connectionsPerAddress: 3 },
    { monotonicMs: () => nowMs, wallMs: Date.now },
  );
  for (let time = 0; time < 5; time++) limits.met("connectionsPerAddress", { address: "192.0.2.1" });
  limits.met("frameBytes");
  expect(limits.reached.get("connectionsPerAddress")).toBe(5);
  expect(limits.reached.get("unsentBytes")).toBeUndefined();
  expect(lines.map(({ fields }) => fields?.["limit"])).toEqual(["connections-per-address", "frame-bytes"]);
  expect(lines[0]?.fields).toMatchObject({ value: 3, address: "192.0.2.1", beyond: "closed, 4008" });
  nowMs = 59_999;
  limits.met("connectionsPerAddress");
  expect(lines).toHaveLength(2);
  nowMs = 60_000;
  limits.met("connectionsPerAddress");
  expect(lines[2]?.fields).toMatchObject({ limit: "connections-per-address", unlogged: 5 });
});

test("a row tells the value, whether it was set, the use of now, and how often it was reached", () => {
  const limits = new Limits(silentLog, { connectionsPerAddress: 3 });
  let use = 1;
  limits.measure("connectionsPerAddress", () => use);
  use = 2;
  limits.met("connectionsPerAddress");
  const rows = limitRows(limits, "gateway");
  const rowOf = (name: string): (typeof rows)[number] | undefined => rows.find((row) => row.name === name);
  expect(rowOf("connections-per-address")).toMatchObject({ value: 3, isSet: true, use: 2, reached: 1 });
  expect(Math.abs(Date.now() - (rowOf("connections-per-address")?.lastReachedMs ?? 0))).toBeLessThan(60_000);
  const { initial } = limitTable.frameBytes;
  expect(rowOf("frame-bytes")).toMatchObject({ value: initial, isSet: false, use: null, lastReachedMs: null });
});

test("a role has the limits that mean something to it, and no other", () => {
  const limits = new Limits(silentLog);
  for (const role of ["standalone", "gateway", "login", "chat", "discovery"] as const) {
    const names = limitRows(limits, role).map(({ name }) => name);
    expect(names.length).toBeGreaterThan(0);
    expect(names.includes("instances")).toBe(role === "discovery");
    expect(names.includes("frame-bytes")).toBe(role === "standalone" || role === "gateway");
  }
});

test("values are shown in the largest unit of which they are a whole number", () => {
  expect([1_000, 1].map((value) => shownValue(value, "count"))).toEqual(["1,000", "1"]);
  expect([1024 ** 2, 65_536, 1_000, 3 * 1024 ** 3].map((value) => shownValue(value, "bytes"))).toEqual([
    "1 MiB",
    "64 KiB",
    "1,000 bytes",
    "3 GiB",
  ]);
  expect([10_000, 1_500, 90_000, 120_000].map((value) => shownValue(value, "ms"))).toEqual([
    "10 s",
    "1,500 ms",
    "90 s",
    "2 m",
  ]);
  expect([10_000, 1_500].map((value) => writtenValue(value, "ms"))).toEqual(["10s", "1500ms"]);
  expect([0, 999, 1_536, 5_000_000].map((use) => shownUse(use, "bytes"))).toEqual([
    "0 bytes",
    "999 bytes",
    "1.50 KiB",
    "4.77 MiB",
  ]);
});

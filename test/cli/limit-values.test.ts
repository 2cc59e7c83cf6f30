// --limit: every way to say it, and every way to say it wrong.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../src/base/log.ts";
import type { LimitRole } from "../../src/base/limits/limit.ts";
import { writtenValue } from "../../src/base/limits/shown.ts";
import { limitNames, limitTable, type LimitValues, writtenNameOf } from "../../src/base/limits/table.ts";
import { parseLimits } from "../../src/options/limit-values.ts";
import { OptionValues } from "../../src/cli/option-values.ts";
import { optionsOf } from "../../src/cli/command-options.ts";
import { limitsOf } from "../../src/cli/serve/limits.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "roost-limits-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function config(text: string): string[] {
  const path = join(folder, "roost.toml");
  writeFileSync(path, text);
  return ["--config", path];
}

function valuesOf(words: string[], environment: Record<string, string> = {}, role: LimitRole = "gateway"): LimitValues {
  return limitsOf(new OptionValues(optionsOf.serve, words, environment), role, silentLog).values;
}

describe("a limit is set", () => {
  test("by a flag, several times and with commas", () => {
    const values = valuesOf([
      "--limit",
      "frame-bytes=64KiB,connections-per-address=5",
      "--limit=pending-connections=7",
    ]);
    expect([values.frameBytes, values.connectionsPerAddress, values.pendingConnections]).toEqual([65_536, 5, 7]);
    expect(values.signInsPerSecondPerAddress).toBe(limitTable.signInsPerSecondPerAddress.initial);
  });

  test("by a variable, and by a string or a table in the file", () => {
    expect(valuesOf([], { ROOST_LIMIT: "frame-bytes=1MiB,connections-per-address=6" }).connectionsPerAddress).toBe(6);
    expect(valuesOf(config('limit = "connections-per-address=8"\n')).connectionsPerAddress).toBe(8);
    const table = valuesOf(config('[limit]\nconnections-per-address = 9\nframe-bytes = "2MiB"\n'));
    expect([table.connectionsPerAddress, table.frameBytes]).toEqual([9, 2 * 1024 ** 2]);
  });

  test("by name: a flag beats the variable, which beats the file, and each leaves the others' names in force", () => {
    const file = config("[limit]\nconnections-per-address = 1\npending-connections = 2\nframe-bytes = 65536\n");
    const values = valuesOf([...file, "--limit", "connections-per-address=5"], {
      ROOST_LIMIT: "connections-per-address=3,pending-connections=4",
    });
    expect([values.connectionsPerAddress, values.pendingConnections, values.frameBytes]).toEqual([5, 4, 65_536]);
  });

  test("in the units of its kind", () => {
    const frame = (text: string): number | undefined => parseLimits(`frame-bytes=${text}`).frameBytes;
    expect(["65536", "64KiB", "65_536", " 1MiB "].map(frame)).toEqual([65_536, 65_536, 65_536, 1024 ** 2]);
    expect(parseLimits("unsent-bytes-in-all=2GiB").unsentBytesInAll).toBe(2 * 1024 ** 3);
    expect(parseLimits("connections-per-address=1_000").connectionsPerAddress).toBe(1_000);
    expect(parseLimits("")).toEqual({});
  });

  test("to each value from its smallest to its largest, as the sentences write them", () => {
    for (const name of limitNames) {
      const { min, max, unit, initial } = limitTable[name];
      expect(min).toBeGreaterThanOrEqual(0);
      expect(Number.isSafeInteger(max)).toBe(true);
      expect(initial).toBeWithin(min, max + 1);
      for (const value of [min, initial, max])
        expect(parseLimits(`${writtenNameOf(name)}=${writtenValue(value, unit)}`)).toEqual({ [name]: value });
    }
  });

  test("by a variable also where it means nothing to the role, because processes share variables", () => {
    expect(valuesOf([], { ROOST_LIMIT: "instances=5,connections-per-address=6" }).connectionsPerAddress).toBe(6);
  });
});

describe("a limit is refused", () => {
  const { min: smallest, max: largest } = limitTable.frameBytes;
  const bounds = [smallest, largest].map((value) => writtenValue(value, "bytes"));
  const sizes = `frame-bytes to be bytes, such as 65536, 64KiB or 1MiB, from ${bounds.join(" to ")}`;
  const range = "connections-per-address to be a whole number from 1 to 1000000000";
  const cases: [string, string][] = [
    ["connection-per-address=5", '"connection-per-address"; did you mean connections-per-address?'],
    ["connectionsPerAddress=5", "did you mean connections-per-address?"],
    ["connections_per_address=5", "did you mean connections-per-address?"],
    ["nonsense=5", 'the name of a limit, not "nonsense"; roost limits lists them'],
    ["constructor=5", 'the name of a limit, not "constructor"'],
    ["=5", 'the name of a limit, not ""'],
    ["connections-per-address", 'name=value,…, such as connections-per-address=500, not "connections-per-address"'],
    ...[
      "",
      "0",
      "-1",
      "+1",
      "1.5",
      "1e309",
      "1e3",
      "NaN",
      "Infinity",
      "0x10",
      "5KiB",
      "1_",
      "_1",
      "5=6",
      "9".repeat(400),
    ].map((value): [string, string] => [`connections-per-address=${value}`, `${range}, not "${value.slice(0, 60)}`]),
    ["connections-per-address=1000000001", range],
    ...["0", "-1", "1e309", "1.5MiB", "1MB", "1 MiB", String(smallest - 1), String(largest + 1), "1024GiB"].map(
      (value): [string, string] => [`frame-bytes=${value}`, `${sizes}, not "${value}"`],
    ),
    ["frame-bytes=64KiB,frame-bytes=65KiB", "each limit at most once, not frame-bytes twice"],
  ];
  test.each(cases)("%s", (text, expected) => {
    expect(() => valuesOf(["--limit", text])).toThrow(expected);
    expect(() => valuesOf(["--limit", text])).toThrow(/^--limit: invalid value /);
    expect(() => valuesOf([], { ROOST_LIMIT: text })).toThrow(/^ROOST_LIMIT: invalid value /);
  });

  test("when two flags set it", () => {
    expect(() => valuesOf(["--limit", "frame-bytes=64KiB", "--limit", "frame-bytes=65KiB"])).toThrow(
      "not frame-bytes twice",
    );
  });

  test("when a value that a stronger source replaces is wrong", () => {
    expect(() => valuesOf(["--limit", "frame-bytes=64KiB"], { ROOST_LIMIT: "frame-bytes=0" })).toThrow("ROOST_LIMIT");
  });

  test("when a flag or the file names one that means nothing to the role", () => {
    expect(() => valuesOf(["--limit", "instances=5"])).toThrow(
      "--limit: instances does not apply to --role gateway; remove it",
    );
    expect(() => valuesOf(config("limit = 'frame-bytes=64KiB'"), {}, "discovery")).toThrow(
      /roost\.toml: limit: frame-bytes does not apply to --role discovery/,
    );
  });

  test.each([
    ["[limit]\nframe-bytes = 1e309\n", "frame-bytes to be bytes"],
    ["[limit]\nframe-bytes = -1\n", 'not "-1"'],
    ["[limit]\nframe-bytes = 1.5\n", 'not "1.5"'],
    ["[limit]\nframe-bytes = true\n", "limit.frame-bytes: expected a number, or a string in quotes with one value"],
    ["[limit]\nframe-bytes = '64KiB,metas-per-request=1'\n", "limit.frame-bytes: expected a number, or a string"],
    ["[limit]\n'frame-bytes=64KiB,metas-per-request' = 1\n", "expected a number, or a string"],
    ["[limit.frame-bytes]\nvalue = 1\n", "limit.frame-bytes: expected a number, or a string"],
    ["limit = 5\n", "limit: expected a string in quotes, or a table of names and values"],
    ["limit = ['frame-bytes=64KiB']\n", "limit: expected a string in quotes, or a table of names and values"],
    ["[read-wait]\na = 1\n", "read-wait: expected a string in quotes"],
  ])("in the file: %j", (text, expected) => {
    expect(() => valuesOf(config(text))).toThrow(expected);
  });
});

import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OptionValues } from "../../src/cli/option-values.ts";
import { optionsOf } from "../../src/cli/command-options.ts";
import { type options } from "../../src/options/options.ts";
import { parseAddress, parseDuration, parseListener, parseMoment, parseRetention } from "../../src/options/values.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "roost-options-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function config(text: string): string {
  const path = join(folder, "roost.toml");
  writeFileSync(path, text);
  return path;
}

const serve = (words: string[], environment: Record<string, string> = {}): OptionValues =>
  new OptionValues(optionsOf.serve, words, environment);

test("a flag beats the environment, which beats the file, which beats the default", () => {
  const path = config('read-wait = "1m"\nwrite-wait = "2m"\nlogin-wait = "3m"\n');
  const values = serve(["--config", path, "--read-wait", "4s"], { ROOST_READ_WAIT: "5s", ROOST_WRITE_WAIT: "6s" });
  expect(values.required("read-wait")).toBe(4_000);
  expect(values.required("write-wait")).toBe(6_000);
  expect(values.required("login-wait")).toBe(180_000);
  expect(values.required("retention")).toBe(0);
});

test("an empty variable counts as unset", () => {
  expect(serve([], { ROOST_READ_WAIT: "" }).required("read-wait")).toBe(180_000);
});

test("what is not an option is refused by name: flag, word, key of the file", () => {
  expect(() => serve(["--nope", "1"])).toThrow("--nope");
  expect(() => serve(["word"])).toThrow("word");
  expect(() => serve(["--ws"])).toThrow("--ws needs a value");
  expect(() => serve(["--id", "a", "--id", "b"])).toThrow("--id is given twice");
  expect(() => serve(["--config", config('nope = "1"')])).toThrow("nope is not an option");
  expect(() => serve(["--config", config("retention = 15")])).toThrow("retention: expected a string");
  expect(() => serve(["--config", config("= [")])).toThrow("expected TOML");
  expect(() => serve(["--config", join(folder, "missing.toml")])).toThrow("missing.toml");
});

test("a bad value is refused with its source and what would be right", () => {
  expect(() => serve(["--ws", "8000"]).optional("ws")).toThrow(/--ws: invalid value "8000": expected host:port/);
  expect(() => serve([], { ROOST_WS: "x" }).optional("ws")).toThrow(/ROOST_WS: invalid value "x"/);
  expect(() => serve(["--config", config('ws = "x"')]).optional("ws")).toThrow(/roost\.toml: ws/);
});

test("weights of nodes and zones are whole numbers from 0 to a million", () => {
  const weight = (text: string): number => serve(["--weight", text]).required("weight");
  expect(["0", "1", "1000000"].map(weight)).toEqual([0, 1, 1_000_000]);
  for (const text of ["", "-1", "1.5", "1000001", "1e3", "99999999", " 1", "heavy"])
    expect(() => weight(text)).toThrow("expected a whole number from 0 to 1000000");
  const zones = (text: string): [string, number][] => [...serve(["--zone-weights", text]).required("zone-weights")];
  expect(zones("")).toEqual([]);
  expect(zones("a=80,b=0,zone=3=7")).toEqual([
    ["a", 80],
    ["b", 0],
    ["zone=3", 7],
  ]);
  for (const text of ["a", "a=", "=1", "a=1,a=2", "a=-1", "a=0.5"])
    expect(() => zones(text)).toThrow("zone=weight,… such as zone01=80,zone02=20");
  expect(() => zones("a=1000001")).toThrow("expected a whole number from 0 to 1000000");
  expect([...serve(["--config", config("[zone-weights]\na = 80\nb = 20\n")]).required("zone-weights")]).toEqual([
    ["a", 80],
    ["b", 20],
  ]);
});

test("addresses, listeners, durations and retention are read as a person writes them", () => {
  expect(parseAddress("[::1]:8000")).toEqual({ host: "::1", port: 8000 });
  expect(parseAddress("localhost:0")).toEqual({ host: "localhost", port: 0 });
  expect(parseListener("off")).toBeUndefined();
  for (const text of ["", ":1", "a:b", "a:65536", "::1:80", "a:1:2"]) expect(() => parseAddress(text)).toThrow();
  expect(["500ms", "10s", "3m", "24h", "15d"].map(parseDuration)).toEqual([
    500, 10_000, 180_000, 86_400_000, 1_296_000_000,
  ]);
  for (const text of ["", "0s", "10", "-1s", "1.5s", "1w"]) expect(() => parseDuration(text)).toThrow();
  expect([parseRetention("forever"), parseRetention("30d"), parseRetention("48h")]).toEqual([0, 30, 2]);
  for (const wrong of ["12h", "1", "0d", "", "100 d", "-1d"])
    expect(() => parseRetention(wrong)).toThrow("whole days such as 15d, at most 36500d, or forever");
});

test("a command with an operand takes one word, wherever it stands; - is a word", () => {
  const file = { name: "FILE", help: "File to make" };
  const backup = (...words: string[]): OptionValues => new OptionValues(optionsOf.backup, words, {}, file);
  expect(backup("x.db", "--data", "d").operand).toBe("x.db");
  const values = backup("--replace", "--data", "d", "-");
  expect([values.operand, values.required("replace"), values.required("data")]).toEqual(["-", true, "d"]);
  expect(() => backup("--data", "x.db")).toThrow("FILE is missing; expected the file to make");
  expect(() => backup("a", "b")).toThrow('"b" is one word too many');
  expect(() => backup("-x")).toThrow('"-x" is not an option');
  expect(() => backup("")).toThrow("is not an option");
});

test("operands come in order, and those that are optional may be missing", () => {
  const operands = [
    { name: "METHOD", help: "Method to call" },
    { name: "JSON", help: "The request", isOptional: true },
  ];
  const api = (...words: string[]): OptionValues => new OptionValues(optionsOf.api, words, {}, ...operands);
  expect(api("A/B", "--app", "x", "{}").operands).toEqual(["A/B", "{}"]);
  expect(api("A/B").operands).toEqual(["A/B"]);
  expect(() => api()).toThrow("METHOD is missing; expected the method to call");
  expect(() => api("A/B", "{}", "c")).toThrow('"c" is one word too many: expected METHOD JSON');
});

test("a value beyond the bounds of its option is refused", () => {
  const refused: [keyof typeof options, string, string][] = [
    ["dns-ttl", "999999999d", "whole seconds from 1s to 7d"],
    ["dns-ttl", "1500ms", "whole seconds from 1s to 7d"],
    ["read-wait", "1ms", "whole seconds from 1s to 24d"],
    ["write-wait", "1ms", "from 100ms to 24d"],
    ["login-wait", "25d", "from 100ms to 24d"],
    ["ttl", "999999999d", "from 1s to 36500d"],
    ["retention", "999999d", "at most 36500d"],
    ["store", "sqlite::memory:", "a file's path"],
    ["store", "sqlite:file::memory:?cache=shared", "a file's path"],
    ["store", "sqlite:", "a file's path"],
    ["store", "sqlite:a\0b", "a file's path"],
    ["store", "sqlite:folder/", "a file's path"],
    ["sessions", "postgres://db/x", "sqlite:PATH or redis://"],
    ["sessions", "redis://:hush/hush@db:6379", "%2F"],
    ["sessions", "redis://:12#34@db:6379", "%23"],
    ["sessions", "valkey://:100%@db:6379", "%25"],
    ["store", "postgres://roost:hu@sh/hush@db/roost", "%2F"],
    ["store", "postgres://roost:12?34@db/roost", "%3F"],
    ["sessions", "redis://:hush%FF@db:6379", "UTF-8"],
    ["sessions", "redis://:hush@db:65536", "port"],
    ["sessions", "redis://:hush@db1:6379,db2:6379/0", "one host"],
    ["sessions", "redis://:hush@/0", "port"],
    ["store", "postgres://roost:hush%FF@db/roost", "UTF-8"],
    ["store", "postgres://roost%FF:hush@%2Frun/roost", "UTF-8"],
    ["store", "postgres://roost:hush@d b/roost", "port"],
    ["zone", "z".repeat(257), "at most 256 bytes"],
    ["zone", "a\nb", "of visible characters"],
    ["zone", "a\u200bb", "of visible characters"],
    ["tags", Array.from({ length: 33 }, (_, number) => `k${number}=v`).join(","), "at most 32 values"],
    ["peers", "127.0.0.1:1,".repeat(257), "at most 256 values"],
    ["trusted-proxies", "10.0.0.0/33", "addresses and CIDRs with commas between them"],
    ["trusted-proxies", "10.0.0.2,proxy.example", "addresses and CIDRs with commas between them"],
    ["trusted-proxies", "10.0.0.2, 10.0.0.3", "addresses and CIDRs with commas between them"],
    ["trusted-proxies", "fe80::1%eth0", "addresses and CIDRs with commas between them"],
    ["trusted-proxies", "10.0.0.1/8", "10.0.0.1 alone is one address"],
    ["trusted-proxies", "fd00::1/64", "fd00::1 alone is one address"],
    ["trusted-proxies", "0.0.0.0/0", "0.0.0.0/0 is everybody's"],
    ["trusted-proxies", "::/0", "::/0 is everybody's"],
    ["trusted-proxies", "10.0.0.2,".repeat(1_001), "at most 1000 values"],
    ["allow-origins", "https://example.com,example.org", "origins with commas between them"],
    ["allow-origins", "https://example.com,".repeat(1_001), "at most 1000 values"],
    ["device", "d".repeat(65), "at most 64 bytes"],
    ["data", "a\0b", "no NUL"],
    ["listen", `${"a".repeat(254)}:1`, "host:port"],
    ["listen", "[:]:1", "host:port"],
  ];
  for (const [name, value, expected] of refused) {
    const values = new OptionValues([name], [`--${name}=${value}`], {});
    expect(() => values.optional(name)).toThrow(expected);
  }
  for (const [name, value] of [
    ["dns-ttl", "7d"],
    ["read-wait", "1s"],
    ["retention", "36500d"],
    ["store", "sqlite:a:b"],
    ["zone", "z".repeat(256)],
    ["trusted-proxies", "10.0.0.2,10.1.0.0/16,fd00::/8,::1,::ffff:10.0.0.0/104"],
  ] as const)
    expect(new OptionValues([name], [`--${name}=${value}`], {}).optional(name)).toBeDefined();
});

test("a moment is a time with an offset, a minute ahead at most, or how long ago it was", () => {
  expect(parseMoment("2026-03-01T12:00:00Z")).toBe(Date.UTC(2026, 2, 1, 12));
  expect(parseMoment("2026-03-01T12:00:00.5+02:00")).toBe(Date.UTC(2026, 2, 1, 10, 0, 0, 500));
  const moment = parseMoment("90m");
  const agoMs = Date.now() - moment;
  expect(agoMs).toBeGreaterThanOrEqual(90 * 60_000);
  expect(agoMs).toBeLessThan(91 * 60_000);
  const soonMs = Date.now() + 55_000;
  expect(parseMoment(new Date(soonMs).toISOString())).toBe(soonMs);
  for (const wrong of [
    new Date(Date.now() + 65_000).toISOString(),
    "",
    "now",
    "0s",
    "-5m",
    "2026-03-01",
    "2026-03-01T12:00:00",
    "2999-01-01T00:00:00Z",
    "2026-13-01T00:00:00Z",
  ])
    expect(() => parseMoment(wrong)).toThrow("a time that is past");
  expect(() => parseMoment("36500d")).toThrow("a time that is past");
});

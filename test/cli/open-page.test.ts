// --open: how the link gets to the browser.

import { afterEach, beforeEach, expect, type Mock, spyOn, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openPage } from "../../src/cli/serve/open-page.ts";
import { type Log, silentLog } from "../../src/base/log.ts";
import { until } from "../../scripts/harness/until.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder("roost-open-");
const link = "http://127.0.0.1:8000/#link=abc-_1";
const path = process.env["PATH"] ?? "";
let user: Mock<() => number>;
beforeEach(() => {
  user = spyOn(process, "getuid");
});

afterEach(() => {
  process.env["PATH"] = path;
  user.mockRestore();
});

let stages = 0;
/** A data folder, a log, and a browser that ends with `status` after it has written down its words. */
function stage(status: number | undefined): { data: string; told: string; warnings: string[]; log: Log } {
  const place = join(folder, `${stages++}`);
  const [data, bin, told] = ["data", "bin", "told"].map((name) => join(place, name));
  for (const each of [data, bin]) mkdirSync(each ?? "", { recursive: true });
  if (status !== undefined) {
    const program = join(bin ?? "", "xdg-open");
    writeFileSync(program, `#!/bin/sh\n/bin/echo "$@" > ${told}.new\n/bin/mv ${told}.new ${told}\nexit ${status}\n`);
    chmodSync(program, 0o755);
  }
  process.env["PATH"] = bin;
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (_: string, fields = {}) => void warnings.push(JSON.stringify(fields)) };
  return { data: data ?? "", told: told ?? "", warnings, log };
}

test("the browser gets a file that leads to the link, which no list of processes shows", async () => {
  user.mockReturnValue(1_000);
  const { data, told, warnings, log } = stage(0);
  const file = join(data, "open.html");
  // What a killed run has left, or somebody else has put there, is replaced.
  symlinkSync("/etc/hostname", file);
  const remove = openPage(link, data, log);
  await until(() => existsSync(told), "the browser is started");
  expect(readFileSync(told, "utf8")).toBe(`${file}\n`);
  expect(readFileSync(file, "utf8")).toContain(`content="0; url=${link}"`);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(warnings).toEqual([]);
  remove();
  expect(existsSync(file)).toBe(false);
});

test("root opens nothing, and is told so", () => {
  user.mockReturnValue(0);
  const { data, warnings, log } = stage(0);
  openPage(link, data, log)();
  expect(warnings).toEqual([expect.stringContaining("as root")]);
  expect(existsSync(join(data, "open.html"))).toBe(false);
});

test("a machine without a browser is a warning", async () => {
  user.mockReturnValue(1_000);
  const without = stage(undefined);
  openPage(link, without.data, without.log);
  expect(without.warnings).toEqual([expect.stringContaining("xdg-open is not installed")]);
  const failing = stage(3);
  openPage(link, failing.data, failing.log);
  await until(() => failing.warnings.length > 0, "the failure is told");
  expect(failing.warnings).toEqual([expect.stringContaining("status 3")]);
});

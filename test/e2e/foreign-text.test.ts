// What others may put on an operator's terminal by the commands: text, and nothing that the terminal obeys.

import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isPrintable } from "../../src/base/printable.ts";
import { run } from "../../scripts/harness/server-process.ts";

const folder = mkdtempSync(join(tmpdir(), "roost-foreign-"));
const endings: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
afterEach(async () => {
  for (const end of endings.splice(1).toReversed()) await end();
});

/** Sets the title, copies to the clipboard, goes back to the line's beginning, turns the direction, hides. */
const attack =
  "\u001b]0;owned\u0007\u009d52;c;aGk=\u009c\rroost: all is well\n\u202e\u200f\u061c\u2028\u3164\u{e0041}end";

/** A registry that answers every request with `answer`. */
function registryThat(answer: (path: string) => unknown): string {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: ({ url }) => Response.json(answer(new URL(url).pathname)),
  });
  endings.push(() => server.stop(true));
  return `http://127.0.0.1:${server.port}`;
}

/** Every line of what was printed can be shown, and none begins as one of ours that was not. */
function expectHarmless(text: string, lines: number): void {
  expect(text.trimEnd().split("\n")).toHaveLength(lines);
  expect(text.split("\n").filter((line) => !isPrintable(line))).toEqual([]);
  expect(text).toContain("owned");
}

test("a registry's error message is one line that moves nothing", async () => {
  const url = registryThat(() => ({ code: -1, message: attack }));
  const { status, err, out } = await run(["nodes", "--discovery", url], folder);
  expect([status, out]).toEqual([1, ""]);
  expectHarmless(err, 1);
});

test("names in a registry's list are cells of a table, whatever they hold", async () => {
  const instance = {
    region: "r",
    zone: `z${attack}`,
    env: `e${attack}`,
    appid: `a${attack}`,
    hostname: `h${attack}`,
    addrs: [`tcp://${attack}`],
    version: "1",
    metadata: { state: attack },
    status: 1,
    reg_timestamp: 1,
    up_timestamp: 1,
    renew_timestamp: 1,
    dirty_timestamp: 1,
    latest_timestamp: 1,
  };
  const url = registryThat((path) => ({
    code: 0,
    message: "0",
    data: path.endsWith("/nodes") ? [] : { app: [instance] },
  }));
  const { status, out, err } = await run(["nodes", "--discovery", url], folder);
  expect([status, err]).toEqual([0, ""]);
  expectHarmless(out, 2);
});

test("a key of a configuration file is shown, not obeyed", async () => {
  const path = join(folder, "roost.toml");
  writeFileSync(path, `${JSON.stringify(attack)} = "x"\n`);
  const { status, err } = await run(["--config", path], folder);
  expect(status).toBe(2);
  expectHarmless(err, 1);
});

test("so are a word, a flag and a value of the command line", async () => {
  for (const words of [[attack], [`--${attack}`], ["--id", attack], ["backup", attack, attack]]) {
    const { status, err } = await run(words, folder);
    expect([words, status]).toEqual([words, 2]);
    expectHarmless(err, 1);
  }
});

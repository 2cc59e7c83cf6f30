// The output of the terminal client, as a person sees it: lines that change where they stand.

import { afterEach, expect, test } from "bun:test";
import { PassThrough, Writable } from "node:stream";
import { type KeyedLine, Screen } from "../../src/cli/chat/screen.ts";
import { ScreenRows } from "../support/pseudo-terminal.ts";

const open: Screen[] = [];
afterEach(() => {
  for (const screen of open.splice(0)) screen.close();
});

function screenOf(columns: number, rows: number, options: { readonly isStyled?: boolean } = {}) {
  const seen = new ScreenRows(columns, rows);
  const written: string[] = [];
  const feed = (text: string): Promise<void> => {
    written.push(text);
    // A terminal makes a new line of it.
    seen.feed(text.replaceAll(/\r?\n/g, "\r\n"));
    return Promise.resolve();
  };
  const drawn = new Writable({
    decodeStrings: false,
    write: (text: string, _encoding, done) => {
      // At once, like that of the program: what readline draws and what is printed have one order.
      void feed(text);
      done();
    },
  });
  const terminal = Object.assign(drawn, { isTTY: true, columns, rows });
  const input = new PassThrough();
  const screen = new Screen({ input, output: feed, errors: feed, columns: () => columns, terminal, ...options });
  open.push(screen);
  screen.lines((line) => !line.startsWith("/"));
  screen.prompt("bob> ");
  const lines = (): string[] => seen.lines.filter((line) => line !== "");
  return { screen, seen, input, lines, written, terminal };
}

const keyed = (key: string, line: string): KeyedLine => ({ key, line });
const settled = (): Promise<void> => Bun.sleep(0);

test("a line changes where it stands, and what is below it stays", async () => {
  const { screen, lines, input } = screenOf(40, 10);
  await screen.print("* signed in", keyed("1", "12:34 ✓ alice: one"), keyed("2", "12:34 bob: two"));
  input.write("half a line");
  await settled();
  expect(screen.change(keyed("1", "12:34 ✓✓ alice: one"))).toBe(true);
  await settled();
  expect(lines()).toEqual(["* signed in", "12:34 ✓✓ alice: one", "12:34 bob: two", "bob> half a line"]);
});

test("a line that takes more rows, or fewer, moves what is below it", async () => {
  const { screen, lines } = screenOf(20, 12);
  const long = "12:34 bob: many words in two rows";
  await screen.print(keyed("1", "12:34 bob: one"), keyed("2", "12:34 bob: two"));
  expect(screen.change(keyed("1", long))).toBe(true);
  await settled();
  const rows = ["12:34 bob: many", "        words in two", "         rows"];
  expect(
    lines()
      .map((line) => line.trim())
      .slice(0, -1)
      .join(" "),
  ).toBe(`${long} 12:34 bob: two`);
  expect(lines().length).toBeLessThanOrEqual(rows.length + 2);
  expect(screen.change(keyed("1", "12:34 bob: one"))).toBe(true);
  await settled();
  expect(lines()).toEqual(["12:34 bob: one", "12:34 bob: two", "bob>"]);
});

test("a line that has left the screen is not touched", async () => {
  const { screen, seen } = screenOf(40, 4);
  for (let at = 1; at <= 6; at++) await screen.print(keyed(String(at), `12:34 bob: ${at}`));
  const before = seen.lines;
  expect(screen.change(keyed("1", "12:34 bob: changed"))).toBe(false);
  expect(screen.change(keyed("3", "12:34 bob: changed"))).toBe(false);
  await settled();
  expect(seen.lines).toEqual(before);
  expect(screen.change(keyed("4", "12:34 bob: four"))).toBe(true);
  await settled();
  expect(seen.lines.filter((line) => line.includes("bob:"))).toEqual([
    ...[1, 2, 3].map((at) => `12:34 bob: ${at}`),
    "12:34 bob: four",
    ...[5, 6].map((at) => `12:34 bob: ${at}`),
  ]);
});

test("a typed command stays where it was typed, and a message does not", async () => {
  const { screen, lines, input } = screenOf(40, 10);
  await screen.print(keyed("1", "12:34 ✓ alice: one"));
  input.write("/who\r");
  await settled();
  await screen.print("* bob");
  screen.prompt("bob> ");
  input.write("hello\r");
  await settled();
  screen.prompt("bob> ");
  expect(screen.change(keyed("1", "12:34 ✓✓ alice: one"))).toBe(true);
  await settled();
  expect(lines()).toEqual(["12:34 ✓✓ alice: one", "bob> /who", "* bob", "bob>"]);
});

test("a line that changes without moving others is all that is drawn anew, with the input", async () => {
  const { screen, lines, written } = screenOf(40, 10);
  await screen.print(keyed("1", "12:34 ✓ alice: one"), keyed("2", "12:34 bob: two"));
  written.length = 0;
  expect(screen.change(keyed("1", "12:34 ✓✓ alice: one"))).toBe(true);
  await settled();
  expect(written.join("")).not.toContain("bob: two");
  expect(lines()).toEqual(["12:34 ✓✓ alice: one", "12:34 bob: two", "bob>"]);
});

test("a typed line of wide characters is wiped, however many cells its rows leave free", async () => {
  const { screen, lines, input } = screenOf(20, 24);
  await screen.print(keyed("1", "12:34 alice: one"));
  input.write(`${"漢".repeat(100)}\r`);
  await settled();
  screen.prompt("bob> ");
  await settled();
  expect(lines()).toEqual(["12:34 alice: one", "bob>"]);
});

test("mentions are bold where the terminal has that, and are counted as they look", async () => {
  const line = { ...keyed("1", `12:34 bob: ${"x".repeat(20)} @alice`), mentioned: "alice" };
  for (const isStyled of [true, false]) {
    const { screen, seen, lines } = screenOf(40, 10, { isStyled });
    await screen.print(line);
    expect(seen.bold).toEqual(isStyled ? ["@alice"] : []);
    expect(lines()).toEqual([line.line, "bob>"]);
  }
});

test("after a pause, what was drawn before is left alone", async () => {
  const { screen, terminal, lines } = screenOf(40, 10);
  await screen.print(keyed("1", "12:34 ✓ alice: one"));
  terminal.emit("continue");
  await settled();
  expect(screen.change(keyed("1", "12:34 ✓✓ alice: one"))).toBe(false);
  expect(lines()[0]).toBe("12:34 ✓ alice: one");
});

test("after Ctrl-L, what has come since stays", async () => {
  const { screen, input, lines } = screenOf(40, 10);
  await screen.print(keyed("1", "12:34 ✓ alice: one"), "* two", "* three");
  input.write("\u000c");
  await settled();
  await screen.print("* four");
  expect(screen.change(keyed("1", "12:34 ✓✓ alice: one"))).toBe(false);
  expect(lines()).toEqual(["* four", "bob>"]);
});

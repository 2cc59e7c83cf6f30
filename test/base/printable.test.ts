// What foreign text looks like once it may reach a terminal or a log.

import { describe, expect, test } from "bun:test";
import { escaped, isPrintable, namedText, printable, printableLines, quotedText } from "../../src/base/printable.ts";
import { createLog, type LogFormat } from "../../src/base/log.ts";

/** One of each kind that passed some filter once. */
const harmful: readonly [string, string][] = [
  ["an escape sequence that sets the title", "\u001b]0;owned\u0007"],
  ["the same with a control character of C1", "\u009d0;owned\u009c"],
  ["a sequence that copies to the clipboard (OSC 52)", "\u001b]52;c;aGk=\u001b\\"],
  ["a carriage return", "\r"],
  ["a new line", "\n"],
  ["a next line of C1", "\u0085"],
  ["a right-to-left mark", "\u200f"],
  ["an Arabic letter mark", "\u061c"],
  ["a right-to-left override", "\u202e"],
  ["an isolate", "\u2066"],
  ["a line separator", "\u2028"],
  ["a paragraph separator", "\u2029"],
  ["a tag character", "\u{e0041}"],
  ["a Hangul filler", "\u3164"],
  ["a character of no width", "\u200b"],
  ["a joiner between Latin letters", "a\u200db"],
  ["a variation selector after a digit that is no keycap", "1\ufe0f"],
  ["half of a surrogate pair", "\ud83d"],
];

describe("text of others", () => {
  test.each(harmful)("loses %s", (_, text) => {
    expect(isPrintable(text)).toBe(false);
    for (const shown of [printable(text), quotedText(text), namedText(text), escaped(JSON.stringify({ text }))]) {
      expect(isPrintable(shown)).toBe(true);
      expect(shown.isWellFormed()).toBe(true);
    }
    expect(JSON.parse(quotedText(text))).toBe(text);
    expect(JSON.parse(escaped(JSON.stringify({ text })))).toEqual({ text });
  });

  test("holds no character that a terminal obeys, of all there are", () => {
    for (let code = 0; code < 0x3000; code++) {
      const character = String.fromCodePoint(code);
      expect(printable(character)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    }
  });

  const keycaps = "1\ufe0f\u20e3 #\ufe0f\u20e3";
  test.each(["grüße, 你好 👋🏽", "👨‍👩‍👧 ❤️ 🏳️‍🌈", keycaps, "می‌خواهم", "שלום", "क्‍ष", "a\u00a0b", "…"])(
    "stays as it is where it is text: %s",
    (text) => expect(printable(text)).toBe(text),
  );

  test("shows a new line as a mark, and one of ours as itself", () => {
    expect(printable("one\ntwo")).toBe("one ⏎ two");
    expect(printableLines("one\u0007\ntwo\n")).toBe("one\ufffd\ntwo\n");
  });
});

describe("a name in a sentence", () => {
  test.each(["alice", "anna.maria", "o_neil", "grüße", "你好", "a@b-c+d", "1234"])("stands as it is: %s", (name) =>
    expect(namedText(name)).toBe(name),
  );

  test.each(["", "a b", "[g] carol", "! lost", "* x joined y", "a,b", "a: b", '"quoted"', "(owner)", "-x", "x\u3164"])(
    "stands in quotes: %j",
    (name) => expect(namedText(name)).toStartWith('"'),
  );
});

describe.each(["text", "json"] as const)("a log line as %s", (format: LogFormat) => {
  test.each(harmful)("does not carry %s", (_, text) => {
    const lines: string[] = [];
    createLog("info", format, (line) => lines.push(line)).warn(`a peer said ${text}`, { name: text, count: 1 });
    expect(lines).toHaveLength(1);
    expect(lines[0]?.endsWith("\n")).toBe(true);
    expect(isPrintable(lines[0]?.slice(0, -1) ?? "")).toBe(true);
  });
});

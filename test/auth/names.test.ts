// Which texts can be names of accounts and apps.

import { describe, expect, test } from "bun:test";
import { nameCharactersMax } from "../../src/base/limits/fixed.ts";
import { validName } from "../../src/auth/names.ts";
import { Random, testSeed } from "../support/random.ts";

describe("a name", () => {
  test.each(["a", "alice", "anna maria", "o'neil", "[g] carol", "grüße", "你好", "محمد", "👋🏽", "a\u00a0b"])(
    "may be %j",
    (name) => expect(validName(name)).toBe(true),
  );

  test.each([
    ["", "is empty"],
    [" alice", "begins with a blank"],
    ["alice\u00a0", "ends with a blank"],
    ["a,b", "has a comma"],
    ["a\u0000", "has a control character of C0"],
    ["a\u009b", "has a control character of C1"],
    ["\ud800", "is half of a surrogate pair"],
    ["a\udc00b", "has half of a surrogate pair"],
    ["a\ufffd", "holds what a decoder makes of bytes that are not UTF-8"],
    ["al\u200bice", "has a character of no width"],
    ["\u202eecila", "turns the direction"],
    ["alice\u200f", "has a mark of direction"],
    ["alice\u061c", "has an Arabic letter mark"],
    ["a\u2028b", "has a line separator"],
    ["a\u2029b", "has a paragraph separator"],
    ["alice\u3164", "has a filler"],
    ["alice\u{e0041}", "has a tag character"],
    ["alice\u2800", "has a Braille cell without dots"],
    ["alice\ufe0f", "has a variation selector"],
    ["alice\u00ad", "has a soft hyphen"],
  ])("is refused that %j: it %s", (name) => expect(validName(name)).toBe(false));

  test("has as many characters as it says, whatever they take in UTF-16", () => {
    for (const character of ["a", "漢", "👋"]) {
      expect(validName(character.repeat(nameCharactersMax))).toBe(true);
      expect(validName(character.repeat(nameCharactersMax + 1))).toBe(false);
    }
  });

  test("that passes is the same text after UTF-8: no two names become one", () => {
    const seed = testSeed("names");
    const random = new Random(seed);
    const kinds = [0x20, 0x80, 0xd7f0, 0xdff0, 0xfff0, 0x2000, 0x1f3f0];
    for (let round = 0; round < 20_000; round++) {
      let name = "";
      for (let length = random.below(4); length >= 0; length--)
        name += String.fromCodePoint((kinds[random.below(kinds.length)] ?? 0) + random.below(96));
      if (validName(name)) expect(Buffer.from(name).toString()).toBe(name);
    }
  });
});

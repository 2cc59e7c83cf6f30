import { expect, test } from "bun:test";
import { FormFields } from "../../../src/registry/http/form-fields.ts";
import { Random, testSeed } from "../../support/random.ts";

const names = ["", "a", "ab", "appid", "é", "?a", "=", "a b"];
const pieces = [
  "",
  "&",
  "&&",
  "=",
  "==",
  "?",
  "a",
  "ab",
  "appid",
  "x",
  "é",
  "\u{1F600}",
  "%61",
  "%",
  "%zz",
  "+",
  "%C3%A9",
  "%26",
];
const plainPieces = pieces.filter((piece) => !/[%+]/.test(piece));

test("the fields of any text are those that the platform finds", () => {
  const random = new Random(testSeed("form fields"));
  for (let round = 0; round < 20_000; round++) {
    const from = round % 3 === 0 ? pieces : plainPieces;
    const text = Array.from({ length: random.below(12) }, () => from[random.below(from.length)]).join("");
    const fields = new FormFields(text);
    const known = new URLSearchParams(text);
    for (const name of names) {
      expect([text, name, fields.first(name)]).toEqual([text, name, known.get(name) ?? undefined]);
      expect([text, name, fields.all(name)]).toEqual([text, name, known.getAll(name)]);
    }
  }
});

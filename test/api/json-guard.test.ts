// What is read as JSON: the same as JSON.parse reads, less what that passes over in silence.

import { describe, expect, test } from "bun:test";
import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { parseJson } from "../../src/api/json-guard.ts";
import { testSeed } from "../support/random.ts";

const read = (text: string): unknown => parseJson(Buffer.from(text));

function refusal(text: string | Uint8Array): string {
  try {
    parseJson(Buffer.from(text));
  } catch (error) {
    const { code, rawMessage } = ConnectError.from(error);
    expect(code).toBe(Code.InvalidArgument);
    return rawMessage;
  }
  throw new Error(`${String(text).slice(0, 80)} was read`);
}

/** Names that no two of an object's fields share as the reader of messages takes them. */
const names = fc.string({ unit: "binary", maxLength: 6 }).map((name) => name.replaceAll("_", "-"));
const { value: anything } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.string({ unit: "binary" }),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true, max: 1e15, min: -1e15 }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 5 }),
    fc.dictionary(names, tie("value"), { maxKeys: 5, noNullPrototype: true }),
  ),
}));

test("any JSON is read as JSON.parse reads it, with any white space", () => {
  fc.assert(
    fc.property(anything, fc.constantFrom(undefined, 1, "\t"), (value, space) => {
      const text = JSON.stringify(value, undefined, space);
      // A lone surrogate is no UTF-8: it is written as an escape.
      expect(read(text)).toEqual(JSON.parse(text));
    }),
    { seed: testSeed("JSON that is read") },
  );
});

test("any bytes are read or refused as an invalid argument", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc
      .string({ unit: fc.constantFrom(...Array.from('{}[]":,\\u0a_19.-e ')), maxLength: 40 })
      .map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(bytes, (given) => {
      try {
        const value = parseJson(given);
        expect(value).toEqual(JSON.parse(Buffer.from(given).toString()));
      } catch (error) {
        expect(ConnectError.from(error).code).toBe(Code.InvalidArgument);
      }
    }),
    { seed: testSeed("bytes that may be JSON") },
  );
});

describe("refuses", () => {
  test.each([
    '{"a":1,"a":2}',
    '{"a":1, "\\u0061" : 2}',
    '{"reply_to":1,"replyTo":2}',
    '{"x":{"a":1,"b":{},"a":2}}',
    '[{"a":1},{"b":1,"b":1}]',
    `{${Array.from({ length: 40 }, (_, at) => `"f${at}":0`).join(",")},"f7":0}`,
  ])("a field that is named twice: %s", (text) => {
    expect(refusal(text)).toContain("twice");
  });

  test.each(["9007199254740993", "-9007199254740993", "123456789012345678901234567890"])("the number %s", (number) => {
    expect(refusal(`{"id":${number}}`)).toContain("2^53");
    expect(read(`{"id":"${number}"}`)).toEqual({ id: number });
  });

  test("an object of more fields than any message has, before they are looked at", () => {
    const fields = (count: number): string => `{${Array.from({ length: count }, (_, at) => `"f${at}":0`).join(",")}}`;
    expect(read(fields(256))).toBeObject();
    for (const count of [257, 300_000]) expect(refusal(fields(count))).toContain("more than 256 fields");
  });

  test("nesting beyond sixteen levels, however deep", () => {
    expect(read(`${"[".repeat(16)}${"]".repeat(16)}`)).toBeArray();
    for (const depth of [17, 100_000]) expect(refusal("[".repeat(depth))).toContain("nests deeper");
  });

  test("what is no UTF-8", () => {
    for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80]])
      expect(refusal(new Uint8Array([0x22, ...bytes, 0x22]))).toBe("the body is not UTF-8");
  });
});

test("the same name in two objects, and in a text, is no second one", () => {
  expect(read('{"a":{"a":1},"b":[{"a":1},{"a":2}],"c":"\\"a\\":1,\\"a\\":2"}')).toEqual({
    a: { a: 1 },
    b: [{ a: 1 }, { a: 2 }],
    c: '"a":1,"a":2',
  });
});

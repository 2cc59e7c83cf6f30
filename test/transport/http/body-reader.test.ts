import { describe, expect, test } from "bun:test";
import { Random, testSeed } from "../../support/random.ts";
import { BodyReader } from "../../../src/transport/http/body-reader.ts";

const chunked = "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: 1\r\n\r\n";

/** Pushes a text in pieces of this many bytes. Returns the reader, and what was left behind the body. */
function read(text: string, declared: number | "chunked", bytesMax = 100, size = text.length) {
  const body = new BodyReader(declared, bytesMax);
  const bytes = Buffer.from(text);
  let at = 0;
  while (at < bytes.length && body.state === "open") at += body.push(bytes.subarray(at, at + size), 0);
  return { body, rest: bytes.subarray(at).toString() };
}

test("a declared body is what comes, up to its length", () => {
  const { body, rest } = read("helloGET /", 5);
  expect([body.state, body.bytes().toString(), rest]).toEqual(["complete", "hello", "GET /"]);
  expect(new BodyReader(0, 100).state).toBe("complete");
});

test("a body in chunks is put together, however it is cut", () => {
  for (let size = 1; size <= chunked.length; size++) {
    const { body } = read(chunked, "chunked", 100, size);
    expect([size, body.state, body.bytes().toString()]).toEqual([size, "complete", "hello world"]);
  }
  expect(read(`${chunked}GET /`, "chunked").rest).toBe("GET /");
});

test("bytes of a body that comes byte by byte are not kept one by one", () => {
  const text = "x".repeat(10_000);
  const { body } = read(text, text.length, text.length, 1);
  expect(body.bytes().toString()).toBe(text);
  expect(body.bytesKept).toBe(text.length);
});

test("a body in chunks of all sizes is put together", () => {
  const seed = testSeed("chunks");
  const random = new Random(seed);
  for (let round = 0; round < 50; round++) {
    const parts = Array.from({ length: 1 + random.below(60) }, () =>
      "x".repeat(1 + random.below(random.once(2) ? 20 : 6_000)),
    );
    const text = parts.map((part, at) => part.replaceAll("x", String.fromCharCode(97 + (at % 26))));
    const wire = `${text.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join("")}0\r\n\r\n`;
    const whole = text.join("");
    const { body } = read(wire, "chunked", whole.length, 1 + random.below(9_000));
    expect([seed, body.state, body.bytes().toString() === whole]).toEqual([seed, "complete", true]);
  }
});

describe("a body that is too long", () => {
  test("is refused before any of it has come", () => {
    expect(new BodyReader(101, 100).state).toBe("too-long");
    expect(new BodyReader(100, 100).state).toBe("open");
  });

  test("in chunks is refused as soon as a chunk declares it", () => {
    expect(read("60\r\n".concat("x".repeat(0x60), "\r\n5\r\n"), "chunked").body.state).toBe("too-long");
    expect(read("64\r\n".concat("x".repeat(0x64), "\r\n0\r\n\r\n"), "chunked").body.state).toBe("complete");
    expect(read("ffffffff\r\n", "chunked").body.state).toBe("too-long");
  });
});

test("chunks that are malformed are refused", () => {
  const bodies = [
    "zz\r\n",
    "\r\n",
    "-1\r\n",
    "5\nhello",
    "5\r\nhelloX\r\n",
    "fffffffff\r\n",
    " 5\r\n",
    "5 x\r\n",
    "0x5\r\n",
  ];
  for (const text of bodies) expect([text, read(text, "chunked").body.state]).toEqual([text, "malformed"]);
  expect(read(`5;${"x".repeat(2_000)}`, "chunked").body.state).toBe("malformed");
  expect(read(`0\r\n${"a: b\r\n".repeat(50)}`, "chunked").body.state).toBe("malformed");
});

test("a small part of a large read does not keep the whole of it", () => {
  const body = new BodyReader(10_000, 100_000);
  body.push(Buffer.alloc(500_000, "x"), 490_000);
  expect([body.state, body.bytes().buffer.byteLength]).toEqual(["complete", 10_000]);
});

// What is kept of a request: in one piece, however it came, and no more memory than is counted.

import { expect, test } from "bun:test";
import { PendingBytes } from "../../../src/transport/http/pending-bytes.ts";

const doubledMax = 64;
const of = (text: string): Buffer => Buffer.from(new TextEncoder().encode(text).buffer);

test("a chunk that nothing else holds is taken as it is", () => {
  const pending = new PendingBytes();
  const chunk = of("GET / HTTP/1.1");
  expect(pending.add(chunk, doubledMax)).toBe(14);
  expect(pending.view().buffer).toBe(chunk.buffer);
  expect(pending.replace(chunk)).toBe(0);
  expect(pending.view().buffer).toBe(chunk.buffer);
  expect(pending.clear()).toBe(-14);
});

test("a part of a larger piece of memory is copied: it would keep all of it", () => {
  const pending = new PendingBytes();
  const part = of("GET / HTTP/1.1 GET /").subarray(15);
  expect(pending.add(part, doubledMax)).toBe(5);
  expect(pending.view().toString()).toBe("GET /");
  expect(pending.view().buffer).not.toBe(part.buffer);
  expect(pending.replace(part.subarray(4))).toBe(-4);
  expect(pending.view().toString()).toBe("/");
});

test("chunks are put together, in room that doubles up to its bound, and all of it is counted", () => {
  const pending = new PendingBytes();
  let bytes = 0;
  for (let at = 0; at < 100; at++) bytes += pending.add(of(String(at % 10)), doubledMax);
  expect(pending.view().toString()).toBe("0123456789".repeat(10));
  expect(bytes).toBe(100);
  expect(pending.add(of("x"), doubledMax)).toBe(1);
  expect(pending.clear()).toBe(-101);
  expect(pending.length).toBe(0);
});

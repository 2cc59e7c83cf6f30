// Heads of requests: what is understood, and what is refused because two readers could understand it differently.

import { describe, expect, test } from "bun:test";
import { isBeginning, parseHead, parseHost, type RequestHead } from "../../../src/transport/http/request-head.ts";

/** Parses a head that is given with its empty line. */
function parse(text: string) {
  const bytes = Buffer.from(`noise${text}more`, "latin1");
  return parseHead(bytes, "noise".length, "noise".length + text.length - 4);
}

function parsed(text: string): RequestHead {
  const head = parse(text);
  if ("sentence" in head) throw new Error(head.sentence);
  return head;
}

const refused = (text: string): number => {
  const head = parse(text);
  return "sentence" in head ? head.status : 0;
};

test("a head is its method, path, query, host and fields", () => {
  const head = parsed("GET /a/b?c=d?e HTTP/1.1\r\nHost: Chat.Example.:81\r\nX-One:  1 \r\nx-one: 2\r\nempty:\r\n\r\n");
  expect(head).toMatchObject({ method: "GET", path: "/a/b", query: "c=d?e", isCurrent: true, isKept: true, body: 0 });
  expect(head.host).toEqual({ name: "chat.example", isAddress: false });
  expect([...head.fields]).toEqual([
    ["host", "Chat.Example.:81"],
    ["x-one", "1, 2"],
    ["empty", ""],
  ]);
});

test("a target may be a whole URL, whose host counts", () => {
  expect(parsed("GET http://127.0.0.1:7171/x?y HTTP/1.1\r\nHost: a.example\r\n\r\n")).toMatchObject({
    path: "/x",
    query: "y",
    host: { name: "127.0.0.1", isAddress: true },
  });
  expect(parsed("GET http://a.example HTTP/1.1\r\nHost: b\r\n\r\n").path).toBe("/");
  expect(parsed("GET http://a.example?x HTTP/1.1\r\nHost: b\r\n\r\n")).toMatchObject({ path: "/", query: "x" });
});

test("a connection is kept by HTTP/1.1 unless it says close, by HTTP/1.0 only if it says so", () => {
  expect(parsed("GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n").isKept).toBe(false);
  expect(parsed("GET / HTTP/1.0\r\n\r\n")).toMatchObject({ isKept: false, host: undefined, isCurrent: false });
  expect(parsed("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").isKept).toBe(true);
});

test("a body is declared by its length, or comes in chunks", () => {
  expect(parsed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n").body).toBe(12);
  expect(parsed("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n").body).toBe("chunked");
});

test("a length that is ambiguous is refused", () => {
  const heads = [
    "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "Content-Length: 5\r\nContent-Length: 5",
    "Content-Length: 5, 5",
    "Content-Length: +5",
    "Content-Length: -1",
    "Content-Length: 0x5",
    "Content-Length: ",
    "Content-Length: 9999999999999999",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
  ];
  for (const fields of heads)
    expect([fields, refused(`POST / HTTP/1.1\r\nHost: a\r\n${fields}\r\n\r\n`)]).toEqual([fields, 400]);
  expect(refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n")).toBe(400);
  for (const coding of ["gzip, chunked", "chunked, chunked", "identity"])
    expect(refused(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ${coding}\r\n\r\n`)).toBe(501);
});

test("what is no head is refused", () => {
  const heads = [
    "GET  / HTTP/1.1\r\nHost: a",
    "GET / HTTP/1.1 \r\nHost: a",
    " GET / HTTP/1.1\r\nHost: a",
    "get / HTTP/1.1\r\nHost: a",
    "GET x HTTP/1.1\r\nHost: a",
    "GET / x HTTP/1.1\r\nHost: a",
    "GET /\u0000 HTTP/1.1\r\nHost: a",
    "GET / HTTP/1.1\r\nHost : a",
    "GET / HTTP/1.1\r\n Host: a",
    "GET / HTTP/1.1\r\nHost: a\r\n folded",
    "GET / HTTP/1.1\r\nHost: a\r\nx\u0000y: 1",
    "GET / HTTP/1.1\r\nHost: a\r\nx: 1\u00002",
    "GET / HTTP/1.1\r\nHost: a\r\nx: 1\n2",
    "GET / HTTP/1.1\r\nHost: a\r\nx: 1\r2",
    "GET / HTTP/1.1\r\nHost: a\r\n: 1",
    "GET / HTTP/1.1\r\nHost: a\r\nno colon",
    "hello",
    "",
  ];
  for (const head of heads) expect([head, refused(`${head}\r\n\r\n`)]).toEqual([head, 400]);
  expect(refused("GET / HTTP/2.0\r\n\r\n")).toBe(505);
  expect(refused("GET / HTTP/1.2\r\n\r\n")).toBe(505);
  expect(refused(`GET / HTTP/1.1\r\nHost: a\r\n${"a: b\r\n".repeat(200)}\r\n`)).toBe(431);
});

describe("a host", () => {
  test("is missing, twice, or malformed: refused", () => {
    expect(refused("GET / HTTP/1.1\r\n\r\n")).toBe(400);
    expect(refused("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n")).toBe(400);
    for (const host of [
      "x/y?z",
      "a b",
      "a@b",
      "a:b",
      "a:65536",
      "a:1:2",
      "[::1",
      "::1",
      "[a]",
      "http://a",
      "\u00e9",
      "a#b",
      ":80",
    ])
      expect([host, refused(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)]).toEqual([host, 400]);
    expect(refused("GET http://a@b/ HTTP/1.1\r\nHost: b\r\n\r\n")).toBe(400);
    expect(refused("GET http://b/ HTTP/1.1\r\nHost: a/b\r\n\r\n")).toBe(400);
  });

  test("may be empty: there is none", () => {
    expect(parsed("GET / HTTP/1.1\r\nHost:\r\n\r\n").host).toBeUndefined();
  });

  test("is compared without case, port and final dot", () => {
    expect(parseHost("LOCALHOST.:7171")).toEqual({ name: "localhost", isAddress: false });
    expect(parseHost("10.0.0.1")).toEqual({ name: "10.0.0.1", isAddress: true });
    expect(parseHost("[::1]:7171")).toEqual({ name: "::1", isAddress: true });
    expect(parseHost("[FE80::1]")).toEqual({ name: "fe80::1", isAddress: true });
    expect(parseHost("127.1")?.isAddress).toBe(false);
    expect(parseHost("1.2.3.4.evil.example")?.isAddress).toBe(false);
  });
});

test("a method, as far as it has come, may begin a head, and nothing else does", () => {
  for (const text of ["", "G", "GET", "GET /", "\r", "ABCDEFGHIJKLMNOP"])
    expect([text, isBeginning(Buffer.from(text), 0)]).toEqual([text, true]);
  for (const text of [" ", "\u0000", "\u0016\u0003", "get ", "G\r", "GE\n", "ABCDEFGHIJKLMNOPQ", "{"])
    expect([text, isBeginning(Buffer.from(text), 0)]).toEqual([text, false]);
});

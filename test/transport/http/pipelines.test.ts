// Random requests behind each other, cut at random: each is answered whole and in order, also to a client that has
// ended its side.

import { afterEach, expect, test } from "bun:test";
import { textAnswer } from "../../../src/transport/http/http-answer.ts";
import type { HttpHandler } from "../../../src/transport/http/http-handler.ts";
import { HttpServer } from "../../../src/transport/http/http-server.ts";
import { endAll, endLater, RawConnection } from "../../registry/http/support.ts";
import { serverOptions } from "../../support/http-server.ts";
import { Random, testSeed } from "../../support/random.ts";

afterEach(endAll);

const pieceBytes = 3_000;
const pieceCount = 20;
const letters = (letter: string, count: number): string => letter.repeat(count);

/** Answers at once, later, in parts, in pieces, or with the body. */
const handler: HttpHandler = ({ method, path }) => {
  if (method === "POST") {
    const answer = (body: Buffer) => textAnswer(200, String(body));
    return { bytesMax: 10_000, tooLong: () => textAnswer(413, ""), answer };
  }
  if (path === "/later") return Bun.sleep(2).then(() => textAnswer(200, path));
  if (path === "/parts")
    return { status: 200, fields: {}, body: Array.from({ length: pieceCount }, () => Buffer.alloc(pieceBytes, "q")) };
  if (path !== "/pieces") return textAnswer(200, path);
  function* pieces(): Generator<Uint8Array, undefined> {
    for (let count = 0; count < pieceCount; count++) yield Buffer.alloc(pieceBytes, "p");
  }
  return { status: 200, fields: {}, body: pieces() };
};

/** A request, and the body of its answer. */
function request(random: Random): { readonly text: string; readonly expected: string } {
  const head = (line: string, ...fields: string[]): string =>
    `${letters("\r\n", random.below(3))}${line} HTTP/1.1\r\n${["host: localhost", ...fields].join("\r\n")}\r\n\r\n`;
  switch (random.below(6)) {
    case 0:
      return { text: head("GET /later"), expected: "/later" };
    case 1:
      return { text: head("GET /parts"), expected: letters("q", pieceCount * pieceBytes) };
    case 2:
      return { text: head("GET /pieces"), expected: letters("p", pieceCount * pieceBytes) };
    case 3: {
      const body = letters("b", random.below(9_000));
      return { text: head("POST /", `content-length: ${body.length}`) + body, expected: body };
    }
    case 4: {
      const chunks = Array.from({ length: random.below(6) }, () => letters("c", 1 + random.below(500)));
      const framed = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join("");
      return { text: `${head("POST /", "transfer-encoding: chunked")}${framed}0\r\n\r\n`, expected: chunks.join("") };
    }
    default: {
      const path = `/${random.below(1_000)}`;
      return { text: head(`GET ${path}`), expected: path };
    }
  }
}

/** The bodies of the answers in a text. */
function bodiesIn(text: string): string[] {
  const bodies: string[] = [];
  for (let at = 0; at < text.length;) {
    const end = text.indexOf("\r\n\r\n", at);
    const [, length] = /content-length: (\d+)/.exec(text.slice(at, end)) ?? [];
    at = end + 4;
    let body = text.slice(at, at + Number(length ?? 0));
    at += body.length;
    for (let bytes = length === undefined ? 1 : 0; bytes > 0;) {
      const lineEnd = text.indexOf("\r\n", at);
      bytes = Number.parseInt(text.slice(at, lineEnd), 16);
      body += text.slice(lineEnd + 2, lineEnd + 2 + bytes);
      at = lineEnd + 2 + bytes + 2;
    }
    bodies.push(body);
  }
  return bodies;
}

test("requests are answered whole and in order, however they are cut, and whichever side ends first", async () => {
  const random = new Random(testSeed("pipelines"));
  const server = new HttpServer({ host: "127.0.0.1", port: 0 }, serverOptions({ handler }));
  endLater(() => server.stop(0));
  const port = Number(server.address.split(":").at(-1));
  for (let round = 0; round < 40; round++) {
    const requests = Array.from({ length: 1 + random.below(50) }, () => request(random));
    const isFinishedByClient = random.below(2) === 0;
    const last = "GET /last HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    const text = requests.map((each) => each.text).join("") + (isFinishedByClient ? "" : last);
    const expected = [...requests.map((each) => each.expected), ...(isFinishedByClient ? [] : ["/last"])];
    const connection = await RawConnection.open({ port });
    const pieceMax = [text.length, 3_000, 300][random.below(3)] ?? 1;
    for (let at = 0; at < text.length;) {
      const end = at + 1 + random.below(pieceMax);
      connection.write(text.slice(at, end));
      if (random.below(3) === 0) await Bun.sleep(random.below(2));
      at = end;
    }
    if (isFinishedByClient) connection.finish();
    await connection.untilClosed();
    expect(bodiesIn(connection.text)).toEqual(expected);
  }
  expect([server.size, server.receivedBytes, server.unread.bytes]).toEqual([0, 0, 0]);
}, 60_000);

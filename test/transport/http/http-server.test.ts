// The HTTP server over real sockets: what it answers, and what each phase of a connection is bounded by.

import { afterEach, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { createConnection } from "node:net";
import { TurnShare } from "../../../src/base/turn-share.ts";
import { textAnswer } from "../../../src/transport/http/http-answer.ts";
import type { HttpHandler, HttpRequest } from "../../../src/transport/http/http-handler.ts";
import { type HttpServerLimits, type HttpServerOptions, HttpServer } from "../../../src/transport/http/http-server.ts";
import { endAll, endLater, eventually, RawConnection } from "../../registry/http/support.ts";
import { serverOptions } from "../../support/http-server.ts";
import { RawTcp } from "../../support/raw-tcp.ts";

afterEach(endAll);

const get = (path: string, ...fields: string[]): string =>
  `GET ${path} HTTP/1.1\r\n${["host: localhost", ...fields].join("\r\n")}\r\n\r\n`;
const post = (body: string): string =>
  `POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

/** Answers with the body of a POST, and with the path of a GET. */
const echo: HttpHandler = (request) =>
  request.method === "POST"
    ? { bytesMax: 1_000, tooLong: () => textAnswer(413, "too long"), answer: (body) => textAnswer(200, String(body)) }
    : textAnswer(200, request.path);

function serve(
  options: Partial<Omit<HttpServerOptions, "limits">> = {},
  limits: Partial<HttpServerLimits> = {},
): { readonly server: HttpServer; readonly port: number; readonly met: string[] } {
  const met: string[] = [];
  const server = new HttpServer(
    { host: "127.0.0.1", port: 0 },
    serverOptions({ handler: echo, met: (bound, address) => void met.push(`${bound} ${address}`), ...options }, limits),
  );
  endLater(() => server.stop(0));
  return { server, port: Number(server.address.split(":").at(-1)), met };
}

const bodies = (text: string): string[] => text.split(/HTTP\/1\.1 \d+ [^\r]*\r\n(?:[^\r]+\r\n)*\r\n/).slice(1);

describe("connections that come at once", () => {
  /** A server whose share of a turn is spent until the test lets the next one begin. */
  function besieged(limits: Partial<HttpServerLimits> = {}) {
    let nowMs = 0;
    const turns: (() => void)[] = [];
    const acceptShare = new TurnShare(
      1,
      Infinity,
      () => nowMs,
      (turn) => void turns.push(turn),
    );
    const served = serve({ acceptShare }, limits);
    acceptShare.run(() => nowMs++);
    return { ...served, next: () => turns.shift()?.() };
  }

  test("are answered when it is their turn, also those that have ended their side meanwhile", async () => {
    const { server, port, next } = besieged();
    const socket = createConnection({ port, allowHalfOpen: true });
    endLater(async () => void socket.destroy());
    let text = "";
    let hasEnded = false;
    socket.on("data", (chunk) => (text += String(chunk))).on("end", () => (hasEnded = true));
    socket.end(get("/late"));
    await Bun.sleep(50);
    expect([server.size, text]).toEqual([0, ""]);
    next();
    await eventually("its end", () => hasEnded);
    expect(bodies(text)).toEqual(["/late"]);
    socket.destroy();
    await eventually("nobody", () => server.size === 0);
  });

  test("end with a server that stops while they wait, and are not taken in after it", async () => {
    const { server, port, next } = besieged();
    const connections = await Promise.all(Array.from({ length: 3 }, () => RawConnection.open({ port })));
    await Bun.sleep(50);
    await server.stop(0);
    await eventually("their end", () => connections.every(({ isClosed }) => isClosed));
    next();
    expect(server.size).toBe(0);
  });

  test("wait as far as there is room for them, and are taken in before their turn where there is none", async () => {
    const { server, port, next, met } = besieged({ connections: 40 });
    const connections = await Promise.all(Array.from({ length: 50 }, () => RawConnection.open({ port })));
    await eventually("the oldest are in", () => server.size === 18);
    expect(met).toEqual([]);
    next();
    // Each makes room by the one that has been silent for the longest time.
    await eventually("the end of some", () => connections.filter(({ isClosed }) => isClosed).length === 10);
    expect(met).toEqual(Array.from({ length: 10 }, () => "connections 127.0.0.1"));
    expect(server.size).toBe(40);
  });
});

describe("requests", () => {
  test("that come together are answered in order, however they are cut", async () => {
    const { port } = serve();
    const requests = Array.from({ length: 70 }, (_, index) => (index % 2 === 0 ? get(`/${index}`) : post(`b${index}`)));
    const expected = Array.from({ length: 70 }, (_, index) => (index % 2 === 0 ? `/${index}` : `b${index}`));
    const text = requests.join("");
    for (const size of [text.length, 1_000, 97]) {
      const connection = await RawConnection.open({ port });
      for (let at = 0; at < text.length; at += size) {
        connection.write(text.slice(at, at + size));
        if (size < text.length) await Bun.sleep(0);
      }
      await eventually("all answers", () => connection.text.endsWith("b69"));
      expect(bodies(connection.text)).toEqual(expected);
    }
  });

  test("wait for an answer that is not ready", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { port } = serve({
      handler: async ({ path }) => {
        if (path === "/slow") await promise;
        return textAnswer(200, path);
      },
    });
    const connection = await RawConnection.open({ port });
    connection.write(get("/slow") + get("/next"));
    await Bun.sleep(20);
    connection.write(get("/last"));
    expect(connection.text).toBe("");
    resolve();
    await eventually("all answers", () => bodies(connection.text).length === 3);
    expect(bodies(connection.text)).toEqual(["/slow", "/next", "/last"]);
  });

  test("behind one that waits for its client end the connection, and so does the client's end: its handler is told", async () => {
    const gone: string[] = [];
    const { port } = serve({
      handler: (request: HttpRequest) => {
        request.onGone(() => gone.push(request.path));
        return new Promise(() => undefined);
      },
    });
    const [impatient, together, leaving] = await Promise.all([1, 2, 3].map(() => RawConnection.open({ port })));
    impatient?.write(get("/impatient"));
    together?.write(get("/together") + get("/again"));
    leaving?.write(get("/leaving"));
    await Bun.sleep(30);
    expect(gone).toEqual(["/together"]);
    impatient?.write(get("/more"));
    await impatient?.untilClosed();
    leaving?.close();
    await eventually("all are told", () => gone.length === 3);
  });

  test("whose client has gone before they are answered leave no connection behind", async () => {
    const { port, server } = serve({ handler: () => Bun.sleep(50).then(() => textAnswer(200, "late")) });
    for (const end of ["close", "reset", "shutdown"] as const) {
      const client = new RawTcp(port, "127.0.0.1");
      // The second one waits unread.
      client.write(Buffer.from(get("/") + get("/")));
      await eventually("it is there", () => server.size === 1);
      client[end]();
      await eventually(`it is gone by ${end}`, () => server.size === 0, 3_000);
      if (end === "shutdown") client.close();
    }
  });

  test("have empty lines before them that are not kept, however many come", async () => {
    const { port, server } = serve();
    const connection = await RawConnection.open({ port });
    for (let count = 0; count < 200; count++) {
      connection.write("\r\n\r\n\r");
      await Bun.sleep(0);
      connection.write("\n");
      await Bun.sleep(0);
    }
    await Bun.sleep(20);
    expect([server.size, server.receivedBytes]).toEqual([1, 0]);
    connection.write(`\r\n${get("/1")}\r\n\r\n${get("/2")}`);
    await connection.until("\r\n\r\n/2");
    expect(bodies(connection.text)).toEqual(["/1", "/2"]);
  });

  test("of HTTP/1.0 and HEAD are answered in their way", async () => {
    const { port } = serve();
    const old = await RawConnection.open({ port });
    old.write("GET /old HTTP/1.0\r\n\r\n");
    await old.untilClosed();
    expect(old.text).toEndWith("connection: close\r\n\r\n/old");
    const head = await RawConnection.open({ port });
    head.write(get("/head").replace("GET", "HEAD") + get("/next"));
    await head.until("/next");
    expect(bodies(head.text)).toEqual(["", "/next"]);
    expect(head.text).toContain("content-length: 5\r\n");
  });

  test("that expect 100-continue are told to go on, once their body is wanted", async () => {
    const { port } = serve();
    const connection = await RawConnection.open({ port });
    connection.write("POST / HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n");
    await connection.until("HTTP/1.1 100 Continue\r\n\r\n");
    connection.write("body");
    await connection.until("\r\n\r\nbody");
  });

  test("of HTTP/1.0 that expect 100-continue are answered once: it knows no interim answers", async () => {
    const { port } = serve();
    const connection = await RawConnection.open({ port });
    connection.write("POST / HTTP/1.0\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n");
    await Bun.sleep(20);
    connection.write("body");
    await connection.untilClosed();
    expect(connection.text).toStartWith("HTTP/1.1 200 ");
    expect(bodies(connection.text)).toEqual(["body"]);
  });
});

describe("a client that ends its side", () => {
  const slow: HttpHandler = async ({ path }) => {
    await Bun.sleep(20);
    return textAnswer(200, path);
  };

  test("is answered what it has asked for, and its connection ends", async () => {
    const { port, server } = serve({ handler: slow });
    for (const requests of [
      [get("/1")],
      [get("/1", "connection: close")],
      ["GET /1 HTTP/1.0\r\n\r\n"],
      [get("/1"), get("/2"), get("/3")],
    ]) {
      const connection = await RawConnection.open({ port });
      connection.write(requests.join(""));
      connection.finish();
      await connection.untilClosed();
      expect(bodies(connection.text)).toEqual(requests.map((_, index) => `/${index + 1}`));
    }
    await eventually("nobody is left", () => server.size === 0);
  });

  test("reads a long answer to its end", async () => {
    const parts = Array.from({ length: 128 }, () => new Uint8Array(64 * 1024));
    function* pieces(): Generator<Uint8Array, undefined> {
      yield* parts;
    }
    for (const body of [() => parts, pieces]) {
      const { port, server } = serve({ handler: () => ({ status: 200, fields: {}, body: body() }) });
      const client = new RawTcp(port);
      client.write(Buffer.from(get("/")));
      client.shutdown();
      let bytes = 0;
      await eventually("all is read", () => {
        let chunk = client.read();
        for (; chunk !== undefined && chunk.length > 0; chunk = client.read()) bytes += chunk.length;
        return chunk === undefined;
      });
      expect(bytes).toBeGreaterThan(8 * 1024 * 1024);
      client.close();
      await eventually("nobody is left", () => server.size === 0);
    }
  });

  test("has many requests answered that came together", async () => {
    const { port } = serve();
    const connection = await RawConnection.open({ port });
    connection.write(Array.from({ length: 100 }, (_, index) => get(`/${index}`)).join(""));
    connection.finish();
    await connection.untilClosed();
    expect(bodies(connection.text)).toEqual(Array.from({ length: 100 }, (_, index) => `/${index}`));
  });

  test("is not waited for if its request is not whole, and gets at once what may be long in coming", async () => {
    const { port, server } = serve({
      handler: (request) => {
        if (request.method === "POST") return echo(request);
        if (request.path !== "/poll") return slow(request);
        return new Promise((resolve) => request.onGone(() => resolve(textAnswer(200, "no news"))));
      },
    });
    for (const [text, expected] of [
      ["", []],
      ["GET / HT", []],
      [post("body").slice(0, -1), []],
      [get("/poll"), ["no news"]],
      [get("/1") + get("/poll"), ["/1", "no news"]],
    ] as const) {
      const connection = await RawConnection.open({ port });
      connection.write(text);
      connection.finish();
      await connection.untilClosed();
      expect([text, bodies(connection.text)]).toEqual([text, [...expected]]);
    }
    await eventually("nobody is left", () => server.size === 0);
  });

  test("and has closed the other one, too, leaves no connection behind, whatever it waits for", async () => {
    const gone: string[] = [];
    const { port, server } = serve({
      handler: (request) =>
        new Promise((resolve) =>
          request.onGone(() => {
            gone.push(request.path);
            resolve(textAnswer(200, request.path));
          }),
        ),
    });
    const client = new RawTcp(port);
    client.write(Buffer.from(get("/poll")));
    await eventually("it is there", () => server.size === 1);
    await Bun.sleep(20);
    client.close();
    await eventually("nobody is left", () => server.size === 0);
    expect(gone).toEqual(["/poll"]);
  });

  test("after its last answer is not waited for", async () => {
    const { port, server } = serve({ handler: (request) => ({ ...textAnswer(200, request.path), isLast: true }) });
    const client = new RawTcp(port);
    client.write(Buffer.from(get("/")));
    await eventually("it is answered", () => (client.read()?.length ?? 0) > 0);
    expect(server.size).toBe(1);
    client.shutdown();
    await eventually("nobody is left", () => server.size === 0);
    client.close();
  });
});

describe("an answer ends its connection, and is read to its end,", () => {
  test("when the body of the request is not wanted, or too long, or none", async () => {
    const { port } = serve({
      handler: (request) => (request.path === "/unwanted" ? textAnswer(403, "no") : echo(request)),
    });
    const more = "x".repeat(500_000);
    for (const [request, status] of [
      [`POST /unwanted HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n${more}`, 403],
      [`POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n${more}`, 413],
      [`POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n${more}`, 400],
      [`GET /\r\n\r\n${more}`, 400],
      // Another protocol, whose first message is no head and ends as none.
      ["\u0000\u0000\u0001hello", 400],
      [`GET /${"x".repeat(20_000)}`, 431],
    ] as const) {
      const connection = await RawConnection.open({ port });
      connection.write(request);
      await connection.until(`HTTP/1.1 ${status} `);
      await connection.until("connection: close\r\n");
      // The client keeps its side open.
      await connection.untilClosed();
    }
  });

  test("when its client reads slowly: the system still has what it has taken", async () => {
    const body = [new Uint8Array(1_000_000)];
    const { port, server } = serve({ handler: () => ({ status: 200, fields: {}, body, isLast: true }) });
    const client = new RawTcp(port, "127.0.0.1");
    client.write(Buffer.from(get("/")));
    await eventually("it is there", () => server.size === 1);
    await eventually("all is out, and the server has ended its side", () => {
      server.tick(performance.now() + 2_001);
      return server.size === 0;
    });
    let bytes = 0;
    await eventually("all is read", () => {
      bytes += client.read()?.length ?? 0;
      return bytes > 1_000_000;
    });
    client.close();
  });

  test("when its client sends on for ever", async () => {
    const { port, server } = serve();
    const connection = await RawConnection.open({ port });
    connection.write("nonsense\r\n\r\n");
    await connection.until("HTTP/1.1 400 ");
    for (let sent = 0; sent < 40 && !connection.isClosed; sent++) {
      connection.write("x".repeat(1_000_000));
      await Bun.sleep(1);
    }
    await eventually("nobody is left", () => server.size === 0);
  });
});

describe("a connection is ended", () => {
  const soon = (): number => performance.now() + 10_001;

  test("when its head does not end in time, whatever comes of it", async () => {
    const { server, port, met } = serve();
    const silent = await RawConnection.open({ port });
    const slow = await RawConnection.open({ port });
    slow.write("GET / HTTP/1.1\r\n");
    await eventually("two are there", () => server.size === 2);
    server.tick(performance.now() + 9_000);
    slow.write("host: local");
    await Bun.sleep(20);
    expect(server.size).toBe(2);
    server.tick(soon());
    await silent.untilClosed();
    expect(silent.text).toBe("");
    await slow.untilClosed();
    expect(slow.text).toStartWith("HTTP/1.1 408 ");
    expect(met).toEqual(["headMs 127.0.0.1", "headMs 127.0.0.1"]);
  });

  test("when its body does not end in time, whatever comes of it", async () => {
    const { server, port, met } = serve();
    const slow = await RawConnection.open({ port });
    slow.write("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 500\r\n\r\n");
    await eventually("its body is waited for", () => server.receivedBytes === 0 && server.size === 1);
    await Bun.sleep(20);
    slow.write("a");
    await eventually("some of it is kept", () => server.receivedBytes === 1);
    server.tick(soon());
    await slow.untilClosed();
    expect(slow.text).toStartWith("HTTP/1.1 408 ");
    expect(met).toEqual(["bodyMs 127.0.0.1"]);
    expect(server.receivedBytes).toBe(0);
  });

  test("when no request has come for a while; each request sets the time back", async () => {
    const { server, port } = serve({}, { idleMs: 1_000 });
    const kept = await RawConnection.open({ port });
    kept.write(get("/"));
    await kept.until("\r\n\r\n/");
    server.tick(performance.now() + 900);
    kept.write(get("/again"));
    await kept.until("/again");
    expect(server.size).toBe(1);
    server.tick(performance.now() + 1_100);
    await kept.untilClosed();
  });

  test("when it takes nothing of its answer for a while", async () => {
    const parts = Array.from({ length: 512 }, () => new Uint8Array(64 * 1024));
    const { server, port } = serve({ handler: () => ({ status: 200, fields: {}, body: parts }) });
    const reader = new RawTcp(port, "127.0.0.1");
    reader.write(Buffer.from(get("/")));
    await eventually("it waits to be read", () => server.unread.bytes > 0);
    let bytes = 0;
    await eventually("some of it is read", () => {
      bytes += reader.read()?.length ?? 0;
      return bytes > 8_000_000;
    });
    await Bun.sleep(50);
    server.tick(soon());
    expect(server.size).toBe(1);
    server.tick(performance.now() + 20_002);
    server.tick(performance.now() + 30_003);
    expect([server.size, server.unread.bytes]).toEqual([0, 0]);
    reader.close();
  });
});

test("a connection that has ended gives its descriptor back, though its client keeps its own", async () => {
  const descriptors = (): number => readdirSync("/proc/self/fd").length;
  const count = 10;
  const late = (): number => performance.now() + 60_001;
  for (const [what, text, end] of [
    ["idle", get("/"), "tick"],
    ["silent", "", "tick"],
    ["unfinished", "GET / HT", "tick"],
    ["without its body", post("body").slice(0, -1), "tick"],
    ["nonsense", "nonsense\r\n\r\n", "tick"],
    ["idle, of one that has ended its side", get("/"), "shutdown"],
    ["idle, at the end of the server", get("/"), "stop"],
  ] as const) {
    const { server, port } = serve();
    const clients = Array.from({ length: count }, () => new RawTcp(port));
    await eventually("all are there", () => server.size === count);
    const before = descriptors();
    for (const client of clients) client.write(Buffer.from(text));
    await Bun.sleep(30);
    if (end === "shutdown") for (const client of clients) client.shutdown();
    if (end === "stop") await server.stop(0);
    if (end === "tick") {
      server.tick(late());
      await Bun.sleep(30);
      // What it was told is out.
      server.tick(late());
    }
    await eventually(`those that are ${what} are gone: of ${before}, ${descriptors()} are left`, () => {
      return server.size === 0 && descriptors() <= before - count;
    });
    for (const client of clients) client.close();
    await server.stop(0);
  }
});

describe("bytes of answers that are not read", () => {
  const part = (): Uint8Array[] => Array.from({ length: 256 }, () => new Uint8Array(64 * 1024));
  const ask = (port: number, source = "127.0.0.1"): RawTcp => {
    const reader = new RawTcp(port, source);
    endLater(async () => reader.close());
    reader.write(Buffer.from(get("/")));
    return reader;
  };

  test("count once for all who share them, and no more once they have gone", async () => {
    const shared = part();
    const { server, port } = serve({ handler: () => ({ status: 200, fields: {}, body: shared }) });
    const readers = [1, 2, 3].map(() => ask(port));
    await eventually("all wait", () => server.size === 3 && server.unread.bytes > 0);
    await Bun.sleep(50);
    expect(server.unread.bytes).toBeLessThan(16 * 1024 * 1024 + 3 * 1_000);
    for (const reader of readers) reader.close();
    await eventually("they are gone", () => server.unread.bytes === 0);
  });

  test("are bounded by address and in all: another answer goes out instead, and small ones go on", async () => {
    const bytes = 17 * 1024 * 1024;
    const { server, port, met } = serve(
      {
        quotaOf: (address) => address,
        handler: ({ path }) =>
          path === "/small"
            ? textAnswer(200, "small")
            : { status: 200, fields: {}, body: part(), instead: textAnswer(429, "instead") },
      },
      { unreadBytesPerAddress: bytes, unreadBytes: 2 * bytes },
    );
    ask(port, "127.1.1.1");
    await eventually("one waits", () => server.unread.bytes > 0);
    const second = await RawConnection.open({ port });
    second.write(get("/"));
    await second.until("HTTP/1.1 200");
    const held = server.unread.bytes;
    ask(port, "127.1.1.1");
    await eventually("its address is refused", () => met.includes("unreadBytesPerAddress 127.1.1.1"));
    expect(server.unread.bytes).toBeLessThanOrEqual(held);
    ask(port, "127.1.1.2");
    await eventually("another waits", () => server.unread.bytes > bytes);
    ask(port, "127.1.1.3");
    await eventually("all are refused", () => met.includes("unreadBytes 127.1.1.3"));
    const small = await RawConnection.open({ port });
    small.write(get("/small") + get("/"));
    await small.until("small");
    await small.until("HTTP/1.1 429 ");
  });
});

describe("connections", () => {
  test("beyond their number push out the one that has been silent for the longest time", async () => {
    const { server, port, met } = serve({}, { connections: 3 });
    const connections: RawConnection[] = [];
    for (let index = 0; index < 3; index++) {
      const connection = await RawConnection.open({ port });
      connection.write(get(`/${index}`));
      await connection.until(`/${index}`);
      connections.push(connection);
    }
    connections[0]?.write(get("/again"));
    await connections[0]?.until("/again");
    const next = await RawConnection.open({ port });
    next.write(get("/next"));
    await next.until("/next");
    await connections[1]?.untilClosed();
    expect([connections[0]?.isClosed, connections[2]?.isClosed, server.size]).toEqual([false, false, 3]);
    expect(met).toEqual(["connections 127.0.0.1"]);
  });

  test("with unfinished requests that hold a quarter of the places are pushed out before idle ones, however young", async () => {
    const nowMs = 0;
    const { server, port } = serve({ nowMs: () => nowMs }, { connections: 8 });
    const idle: RawConnection[] = [];
    for (let index = 0; index < 6; index++) {
      const connection = await RawConnection.open({ port });
      connection.write(get("/"));
      await connection.until("\r\n\r\n/");
      idle.push(connection);
    }
    const slow: RawConnection[] = [];
    for (let index = 0; index < 20; index++) {
      const connection = await RawConnection.open({ port });
      connection.write(post("body").slice(0, -1));
      slow.push(connection);
    }
    await eventually("all but the last two are gone", () => slow.filter(({ isClosed }) => isClosed).length === 18);
    expect([slow.at(-1)?.isClosed, slow.at(-2)?.isClosed, server.size]).toEqual([false, false, 8]);
    for (const connection of idle) connection.write(get("/again"));
    for (const connection of idle) await connection.until("/again");
  });

  test("that are being answered are not pushed out: one more is closed", async () => {
    const { server, port } = serve({ handler: () => new Promise(() => undefined) }, { connections: 2 });
    const waiting = await Promise.all([1, 2].map(() => RawConnection.open({ port })));
    for (const connection of waiting) connection.write(get("/"));
    await Bun.sleep(30);
    const next = await RawConnection.open({ port });
    await next.untilClosed();
    expect([waiting[0]?.isClosed, waiting[1]?.isClosed, server.size]).toEqual([false, false, 2]);
  });

  test("whose reader is slow, or whose last answer is out, are pushed out", async () => {
    let nowMs = 0;
    const parts = Array.from({ length: 512 }, () => new Uint8Array(64 * 1024));
    const { server, port } = serve(
      {
        nowMs: () => nowMs,
        handler: ({ path }) => ({ status: 200, fields: {}, body: path === "/large" ? parts : "small" }),
      },
      { connections: 2 },
    );
    const readers = [1, 2].map(() => new RawTcp(port, "127.0.0.1"));
    for (const reader of readers) reader.write(Buffer.from(get("/large")));
    await eventually("both read slowly", () => server.unread.bytes > 0 && server.size === 2);
    await Bun.sleep(30);
    const refused = await RawConnection.open({ port });
    await refused.untilClosed();
    expect(server.size).toBe(2);
    nowMs = 5_000;
    const next = await RawConnection.open({ port });
    next.write("nonsense\r\n\r\n");
    await next.until("HTTP/1.1 400 ");
    // It has its answer, and holds no place.
    const last = await RawConnection.open({ port });
    last.write(get("/"));
    await last.until("small");
    await next.untilClosed();
    expect(server.size).toBe(2);
    for (const reader of readers) reader.close();
  });

  test("of one address are bounded, and come back when others have gone", async () => {
    const { server, port, met } = serve({ quotaOf: (address) => address }, { connectionsPerAddress: 2 });
    const first = [1, 2].map(() => new RawTcp(port, "127.1.1.1"));
    await eventually("two are there", () => server.size === 2);
    const third = new RawTcp(port, "127.1.1.1");
    const other = new RawTcp(port, "127.1.1.2");
    await eventually("the third is refused, and another address is not", () => met.length === 1 && server.size === 3);
    expect(met).toEqual(["connectionsPerAddress 127.1.1.1"]);
    for (const connection of [...first, third, other]) connection.close();
    await eventually("all have gone", () => server.size === 0);
    const again = new RawTcp(port, "127.1.1.1");
    await eventually("it is taken", () => server.size === 1);
    again.close();
  });

  test("keep a bounded amount of unfinished requests together: the largest goes first", async () => {
    const { server, port, met } = serve({}, { headBytes: 100_000, receivedBytes: 150_000 });
    const small = await RawConnection.open({ port });
    small.write(`GET /${"x".repeat(20_000)}`);
    const large = await RawConnection.open({ port });
    large.write(`GET /${"x".repeat(80_000)}`);
    await eventually("both are kept", () => server.receivedBytes >= 100_000);
    const next = await RawConnection.open({ port });
    next.write(`GET /${"x".repeat(70_000)}`);
    await large.untilClosed();
    expect([small.isClosed, next.isClosed]).toEqual([false, false]);
    expect(met).toEqual(["receivedBytes 127.0.0.1"]);
  });
});

// The connections of an HTTP server over real sockets: what each phase is bounded by, and which is pushed out.

import { afterEach, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { textAnswer } from "../../../src/transport/http/http-answer.ts";
import { endAll, endLater, eventually, RawConnection } from "../../registry/http/support.ts";
import { RawTcp } from "../../support/raw-tcp.ts";
import { echo, get, post, serve } from "./support.ts";

afterEach(endAll);

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

  test("when its client never stops sending", async () => {
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
      // Its answer is out.
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

  test("with unfinished requests in a quarter of the places are evicted before idle ones at any age", async () => {
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
      // A connection counts from the start of its body: the next one comes only when that has arrived.
      await slow.at(-3)?.untilClosed();
      const bytes = 3 * Math.min(slow.length, 2);
      await eventually("its body has begun", () => server.receivedBytes === bytes);
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

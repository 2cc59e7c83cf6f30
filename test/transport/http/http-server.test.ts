// The HTTP server over real sockets: what it answers, in which order, and when it is done with a client.

import { afterEach, describe, expect, test } from "bun:test";
import { createConnection } from "node:net";
import { TurnShare } from "../../../src/base/turn-share.ts";
import { textAnswer } from "../../../src/transport/http/http-answer.ts";
import type { HttpHandler, HttpRequest } from "../../../src/transport/http/http-handler.ts";
import type { HttpServerLimits } from "../../../src/transport/http/http-server.ts";
import { endAll, endLater, eventually, RawConnection } from "../../registry/http/support.ts";
import { RawTcp } from "../../support/raw-tcp.ts";
import { bodies, echo, get, post, serve } from "./support.ts";

afterEach(endAll);

describe("connections that come at once", () => {
  /** A server whose share of a turn is spent until the test lets the next one begin. */
  function besieged(limits: Partial<HttpServerLimits> = {}) {
    let nowMs = 0;
    const turns: (() => void)[] = [];
    const acceptShare = new TurnShare(1, Infinity, { monotonicMs: () => nowMs }, (turn) => void turns.push(turn));
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

  test("wait as far as there is room for them, and are taken in before their turn where there is no room", async () => {
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

  test("behind one that waits for its client end the connection, as the client's end does", async () => {
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

  test("that expect 100-continue get it, once their body is wanted", async () => {
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

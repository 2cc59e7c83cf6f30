// HTTPS of the server that the registry and monitors use, with clients that are not ours: fetch, openssl and Node's
// TLS.

import { afterEach, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { connect as connectPlain, createServer, type Server, type Socket } from "node:net";
import { connect as connectSecure, type TLSSocket } from "node:tls";
import { HttpServer, type HttpServerOptions } from "../../../src/transport/http/http-server.ts";
import { textAnswer } from "../../../src/transport/http/http-answer.ts";
import { TestAuthority } from "../../support/certificates.ts";
import { holdingBack } from "../../support/held-back.ts";
import { RawTcp } from "../../support/raw-tcp.ts";
import { Random, testSeed } from "../../support/random.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { until } from "../../../scripts/harness/until.ts";
import { contextOf, loopback } from "../tls/tls-stage.ts";

const authority = new TestAuthority(temporaryFolder("roost-https-"));
const ca = readFileSync(authority.root, "utf8");
const random = new Random(testSeed("https"));
const servers: HttpServer[] = [];
const sockets: Socket[] = [];
const long = Buffer.alloc(3_000_000, "0123456789");

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) await server.stop(0);
});

function serve(overrides: Partial<HttpServerOptions> = {}, limits: Partial<HttpServerOptions["limits"]> = {}) {
  const met: string[] = [];
  const bugs: unknown[] = [];
  const tls = contextOf(authority.leaf());
  const server = new HttpServer(loopback, {
    limits: {
      connections: 100,
      connectionsPerAddress: 100,
      headMs: 10_000,
      bodyMs: 10_000,
      idleMs: 10_000,
      headBytes: 8_192,
      receivedBytes: 1_000_000,
      unreadBytes: 100_000_000,
      unreadBytesPerAddress: 100_000_000,
      ...limits,
    },
    handler: ({ path }) =>
      path.startsWith("/long")
        ? { status: 200, fields: {}, body: Array.from({ length: path === "/longest" ? 20 : 1 }, () => long) }
        : textAnswer(200, `you asked for ${path}\n`),
    bugAnswer: textAnswer(500, "a bug\n"),
    bug: (bug) => void bugs.push(bug),
    peerGone: () => undefined,
    met: (bound) => void met.push(bound),
    tls,
    ...overrides,
  });
  servers.push(server);
  const port = Number(server.address.split(":").at(-1));
  return { server, port, met, bugs, tls, url: `https://127.0.0.1:${port}` };
}

function secure(port: number): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectSecure({ host: "127.0.0.1", port, ca }, () => resolve(socket));
    socket.on("error", reject);
    sockets.push(socket);
  });
}

function plain(port: number): Socket {
  const socket = connectPlain({ host: "127.0.0.1", port, noDelay: true });
  socket.on("error", () => undefined);
  sockets.push(socket);
  return socket;
}

const portOf = (listener: Server): number => {
  const address = listener.address();
  return typeof address === "object" && address !== null ? address.port : 0;
};

/** The first bytes that a TLS client sends. */
function helloOf(): Promise<Buffer> {
  return new Promise((resolve) => {
    const listener = createServer((socket) => {
      socket.once("data", (hello: Buffer) => {
        resolve(hello);
        socket.destroy();
        listener.close();
      });
    });
    listener.listen(0, "127.0.0.1", () => {
      connectSecure({ host: "127.0.0.1", port: portOf(listener), ca }).on("error", () => undefined);
    });
  });
}

const textOf = (url: string): Promise<string> => fetch(url, { tls: { ca } }).then((response) => response.text());

describe("an HTTPS server", () => {
  test("answers short and long, many at once, on connections that stay open", async () => {
    const { url, server, bugs } = serve();
    for (let turn = 0; turn < 3; turn++) expect(await textOf(`${url}/some`)).toBe("you asked for /some\n");
    const answers = await Promise.all(Array.from({ length: 20 }, () => textOf(`${url}/long`)));
    for (const answer of answers) expect(answer === long.toString()).toBe(true);
    expect(server.size).toBeGreaterThan(0);
    expect(bugs).toEqual([]);
  });

  test("is refused by a client that does not know its authority", async () => {
    const { url } = serve();
    await expect(fetch(`${url}/some`)).rejects.toThrow(/certificate/);
  });

  test("tells a client of plain HTTP what to do, unless plain HTTP is accepted", async () => {
    const refusing = serve();
    const response = await fetch(`http://127.0.0.1:${refusing.port}/some`);
    expect([response.status, await response.text()]).toEqual([
      400,
      "this port speaks HTTPS: begin the URL with https://\n",
    ]);
    const accepting = serve({ acceptsPlain: true });
    expect(await textOf(`http://127.0.0.1:${accepting.port}/some`)).toBe("you asked for /some\n");
    expect(await textOf(`${accepting.url}/some`)).toBe("you asked for /some\n");
  });

  test("gives new connections a renewed certificate, and keeps the old ones", async () => {
    const { port, tls } = serve();
    const first = await secure(port);
    const after = contextOf(authority.leaf()).certificate;
    const before = first.getPeerX509Certificate()?.fingerprint256;
    tls.replace(after);
    const second = await secure(port);
    expect(before).not.toBe(after.fingerprint);
    expect(second.getPeerX509Certificate()?.fingerprint256).toBe(after.fingerprint);
    let answer = "";
    first.on("data", (chunk) => void (answer += chunk));
    first.write("GET /kept HTTP/1.1\r\nHost: x\r\n\r\n");
    await until(() => answer.includes("you asked for /kept"), "the old one is answered");
  });

  test("answers a client that ends its side once it has asked", async () => {
    const { port } = serve();
    const socket = await secure(port);
    let answer = "";
    socket.on("data", (chunk) => void (answer += chunk));
    socket.end("GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    await until(() => answer.includes("you asked for /last"), "it is answered");
  });

  test("takes a request that comes byte by byte, with the end of the handshake or in one write of many", async () => {
    const { port } = serve();
    const socket = await secure(port);
    let answer = "";
    socket.on("data", (chunk) => void (answer += chunk));
    for (const byte of "GET /bytes HTTP/1.1\r\nHost: x\r\n\r\n") socket.write(byte);
    await until(() => answer.includes("you asked for /bytes"), "it is answered");
    answer = "";
    socket.write("GET /many HTTP/1.1\r\nHost: x\r\n\r\n".repeat(50));
    await until(() => answer.split("you asked for /many").length === 51, "all are answered");
  });

  test("goes on with a connection beyond the bytes that a handshake may have", async () => {
    const { port } = serve();
    const socket = await secure(port);
    const seen = { answers: 0, isEnded: false };
    socket.on("data", (chunk: Buffer) => (seen.answers += chunk.toString().split("you asked for /again").length - 1));
    socket.on("close", () => (seen.isEnded = true));
    for (let count = 1; count <= 100 && !seen.isEnded; count++) {
      socket.write(`GET /again HTTP/1.1\r\nHost: x\r\nX-Long: ${"x".repeat(2_000)}\r\n\r\n`);
      await until(() => seen.answers === count || seen.isEnded, "it is answered");
    }
    expect(seen).toEqual({ answers: 100, isEnded: false });
  });

  test("counts half handshakes against its bounds, ends them in time, and serves others meanwhile", async () => {
    let nowMs = 0;
    const { server, port, url, met } = serve({ nowMs: () => nowMs }, { connections: 60 });
    let ended = 0;
    for (let count = 0; count < 200; count++) {
      const half = plain(port);
      half.resume().on("close", () => ended++);
      half.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00]).subarray(0, 1 + random.below(7)));
      if (count % 20 === 0) expect(await textOf(`${url}/some`)).toBe("you asked for /some\n");
    }
    await until(() => server.size <= 60 && met.includes("connections"), "they are bounded");
    // Some may wait to be accepted.
    await until(() => {
      nowMs += 20_000;
      server.tick();
      return server.size === 0 && ended === 200;
    }, "they are ended, which they notice");
    expect(await textOf(`${url}/some`)).toBe("you asked for /some\n");
  });

  test("answers a client whose handshake ends together with a long request", async () => {
    const { port } = serve();
    const socket = await secure(await holdingBack(port, 300_000));
    const seen = { answer: "", isEnded: false };
    socket.on("data", (chunk) => void (seen.answer += chunk));
    socket.on("close", () => (seen.isEnded = true));
    socket.write(`POST /much HTTP/1.1\r\nHost: x\r\nContent-Length: 400000\r\n\r\n${"x".repeat(400_000)}`);
    await until(() => seen.answer.includes("you asked for /much") || seen.isEnded, "it is answered");
    expect(seen.answer).toContain("you asked for /much");
  });

  test("makes handshakes in turns when hundreds begin at once, also those of clients that have gone", async () => {
    const { server, port, url, bugs } = serve({}, { connections: 400, connectionsPerAddress: 400 });
    const hello = await helloOf();
    const crowd = Array.from({ length: 300 }, () => plain(port));
    await until(() => server.size === 300, "they are there");
    for (const socket of crowd) socket.write(hello);
    const answered = new Set<Socket>();
    for (const socket of crowd) socket.once("data", () => void answered.add(socket));
    for (const socket of crowd.splice(100, 50)) socket.destroy();
    for (let turn = 0; turn < 5; turn++) expect(await textOf(`${url}/some`)).toBe("you asked for /some\n");
    await until(() => crowd.every((socket) => answered.has(socket)), "the others get the server's part");
    for (const socket of crowd) socket.destroy();
    await until(() => server.size <= 5 && server.receivedBytes === 0, "nothing is kept of them");
    expect(bugs).toEqual([]);
  });

  test("takes a handshake and a request that come byte by byte, and counts its bytes until it is done", async () => {
    const { server, port } = serve();
    const relay = createServer((near) => {
      const far = plain(port);
      near.on("data", (chunk: Buffer) => {
        for (let at = 0; at < chunk.length; at++) far.write(chunk.subarray(at, at + 1));
      });
      far.on("data", (chunk: Buffer) => void near.write(chunk));
      near.on("error", () => undefined);
      sockets.push(near);
    });
    const at = await new Promise<number>((resolve) => relay.listen(0, "127.0.0.1", () => resolve(portOf(relay))));
    const half = plain(port);
    half.write((await helloOf()).subarray(0, 100));
    await until(() => server.receivedBytes === 100, "a half is counted");
    expect(await textOf(`https://127.0.0.1:${at}/bytes`)).toBe("you asked for /bytes\n");
    expect(server.receivedBytes).toBe(100);
    half.destroy();
    await until(() => server.receivedBytes === 0, "it is forgotten");
    relay.close();
  });

  const staying: readonly [string, string, "tick" | "stop"][] = [
    ["idle", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "tick"],
    ["idle, at the end of the server", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "stop"],
    ["silent after its handshake", "", "tick"],
    ["silent after its handshake, at the end of the server", "", "stop"],
    ["unfinished", "GET / HT", "tick"],
    ["unfinished, at the end of the server", "GET / HT", "stop"],
    ["without its body", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nabc", "tick"],
    ["nonsense", "nonsense\r\n\r\n", "tick"],
    ["the last one", "GET / HTTP/1.0\r\n\r\n", "tick"],
    ["an answer of which nothing is read", "GET /longest HTTP/1.1\r\nHost: x\r\n\r\n", "tick"],
  ];
  test.each(staying)(
    "gives a descriptor back, though its client neither reads nor leaves: %s",
    async (_, text, end) => {
      const { server, port } = serve();
      const clients = await Promise.all(Array.from({ length: 10 }, () => secure(port)));
      const before = descriptors();
      for (const client of clients) client.pause().write(text);
      await Bun.sleep(50);
      if (end === "stop") await server.stop(0);
      let nowMs = performance.now();
      await until(() => {
        // Its answer goes out between two of these.
        server.tick((nowMs += 20_000));
        return server.size === 0 && descriptors() <= before - clients.length;
      }, "they are closed");
    },
  );

  test.each([
    ["a record that is too long", [22, 3, 1, 0xff, 0xff, 1, 2, 3]],
    ["a version that nobody knows", [22, 9, 9, 0, 5, 1, 2, 3, 4, 5]],
    ["another message than a hello", [22, 3, 1, 0, 5, 20, 0, 0, 1, 0]],
    ["a hello of rubbish", [22, 3, 1, 0, 8, 1, 0, 0, 4, 9, 9, 9, 9]],
  ])("keeps no descriptor of a handshake whose first bytes are %s", async (_, bytes) => {
    const { server, port } = serve();
    const [before, count] = [descriptors(), 10];
    const clients = Array.from({ length: count }, () => new RawTcp(port));
    await until(() => server.size === count, "all are there");
    for (const client of clients) client.write(Buffer.from(bytes));
    await until(() => server.size === 0 && descriptors() <= before + count, "all are ended");
    for (const client of clients) client.close();
  });

  test("ends a handshake of rubbish and one that is too long", async () => {
    const { server, port, bugs } = serve();
    const rubbish = plain(port);
    rubbish.write(Buffer.from([0x16, 0x03, 0x01, 0x00, 0x05, 1, 2, 3, 4, 5]));
    const endless = plain(port);
    const record = Buffer.concat([Buffer.from([0x16, 0x03, 0x01, 0x40, 0x00]), Buffer.alloc(16_384, 1)]);
    for (let count = 0; count < 8; count++) endless.write(record);
    await until(() => server.size === 0, "both are ended");
    expect(bugs).toEqual([]);
  });

  test("bounds what a client does not read, and ends it", async () => {
    let nowMs = 0;
    const { server, port } = serve({ nowMs: () => nowMs });
    const socket = await secure(port);
    socket.pause();
    socket.write("GET /longest HTTP/1.1\r\nHost: x\r\n\r\n");
    await until(() => server.unread.bytes > 0, "the rest waits");
    for (let turn = 0; turn < 3; turn++) {
      nowMs += 11_000;
      server.tick();
    }
    await until(() => server.size === 0 && server.unread.bytes === 0, "it is ended and forgotten");
  });

  const leavers: readonly [string, (socket: TLSSocket) => void][] = [
    ["sends what is refused, and goes on without reading", (socket) => pump(socket, "GET /\0 HTTP/1.1\r\n\r\n")],
    ["asks for much, and reads nothing of it", (socket) => pump(socket, "GET /long HTTP/1.1\r\nHost: x\r\n\r\n")],
    ["sends a body without end", (socket) => pump(socket, "POST / HTTP/1.1\r\nHost: x\r\ncontent-length: 9\r\n\r\n")],
    ["sends a head without end", (socket) => pump(socket, "GET /")],
    ["is idle", () => undefined],
  ];
  test.each(leavers)("keeps no descriptor of a client that %s, and then goes", async (_, act) => {
    const { server, port } = serve();
    const before = descriptors();
    const clients = await Promise.all(Array.from({ length: 10 }, () => secure(port)));
    for (const client of clients) {
      client.on("error", () => undefined);
      client.pause();
      act(client);
    }
    await Bun.sleep(300);
    for (const client of clients) client.destroy();
    await until(() => server.size === 0, "the server has forgotten them");
    await until(() => descriptors() <= before, "their descriptors are closed");
  });
});

const descriptors = (): number => readdirSync("/proc/self/fd").length;

/** Sends something, and then as much as the server takes for a while. */
function pump(socket: TLSSocket, first: string): void {
  socket.write(first);
  const more = Buffer.alloc(60_000, "x");
  for (let count = 0; count < 50; count++) socket.write(more);
}

// Requests of webhooks over real sockets: TLS by the name of the URL, proxies, answers that are no HTTP.

import { afterAll, afterEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { HookAddresses } from "../../src/hooks/addresses.ts";
import { HttpSender, type SenderOptions } from "../../src/hooks/http-sender.ts";
import { systemTimers } from "../../src/base/timers.ts";
import { TestAuthority } from "../support/certificates.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { loopback } from "./hook-stage.ts";

const authority = new TestAuthority(temporaryFolder("hook-sender-"));
const pair = authority.leaf({ names: "DNS:crm.example" });
const seen: { readonly host: string | null; readonly url: string; readonly body: string }[] = [];
const serve = (tls?: { readonly cert: string; readonly key: string }) =>
  Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    ...(tls && { tls }),
    fetch: async (request) => {
      seen.push({ host: request.headers.get("host"), url: request.url, body: await request.text() });
      return new Response("taken", { headers: { "retry-after": "7" } });
    },
  });
const plain = serve();
const secure = serve({ cert: readFileSync(pair.certificate, "utf8"), key: readFileSync(pair.key, "utf8") });
const raw: Server[] = [];
const empty = Buffer.from("{}");
const senders: HttpSender[] = [];
afterEach(() => {
  for (const sender of senders.splice(0)) sender.close();
  for (const server of raw.splice(0)) server.close();
  seen.length = 0;
});
afterAll(async () => {
  await Promise.all([plain.stop(true), secure.stop(true)]);
});

const senderWith = (change: Partial<SenderOptions> = {}): HttpSender => {
  const sender = new HttpSender({
    addresses: new HookAddresses(loopback, () => Promise.resolve(["127.0.0.1"])),
    proxy: undefined,
    timers: systemTimers,
    version: "test",
    authorities: readFileSync(authority.root, "utf8"),
    ...change,
  });
  senders.push(sender);
  return sender;
};
/** A server that answers each connection with these bytes. */
const rawServer = async (answer: (socket: Socket, request: string) => void): Promise<number> => {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => answer(socket, bytes.toString("latin1")));
  });
  raw.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
};
const reasonOf = async (sent: Promise<unknown>): Promise<string> => {
  try {
    await sent;
    return "answered";
  } catch (error) {
    return error instanceof Error ? error.message : "?";
  }
};

test("a request goes to the judged address with the URL's host, and connections are used again", async () => {
  const sender = senderWith();
  for (let at = 0; at < 30; at++) {
    const answer = await sender.post(
      `http://crm.example:${plain.port}/a?b=c`,
      { x: "y" },
      Buffer.from(`{"at":${at}}`),
      5_000,
    );
    expect([answer.status, answer.body, answer.headers.get("retry-after")]).toEqual([200, "taken", "7"]);
  }
  expect(seen.length).toBe(30);
  expect(seen[3]).toEqual({
    host: `crm.example:${plain.port}`,
    url: `http://crm.example:${plain.port}/a?b=c`,
    body: '{"at":3}',
  });
});

test("TLS asks for the URL's name, and refuses a certificate for another one or of an unknown issuer", async () => {
  const sender = senderWith();
  const { status } = await sender.post(`https://crm.example:${secure.port}/`, {}, empty, 5_000);
  expect([status, seen[0]?.host]).toEqual([200, `crm.example:${secure.port}`]);
  expect(await reasonOf(sender.post(`https://other.example:${secure.port}/`, {}, empty, 5_000))).toContain(
    "is not for the address at which it was dialled",
  );
  const { authorities: _, ...rest } = { authorities: "" };
  const strangers = new HttpSender({
    ...rest,
    addresses: new HookAddresses(loopback, () => Promise.resolve(["127.0.0.1"])),
    proxy: undefined,
    timers: systemTimers,
    version: "test",
  });
  senders.push(strangers);
  expect(await reasonOf(strangers.post(`https://crm.example:${secure.port}/`, {}, empty, 5_000))).not.toBe("answered");
  expect(seen.length).toBe(1);
});

test("HTTP_PROXY in the environment changes nothing", async () => {
  const former = process.env["HTTP_PROXY"];
  process.env["HTTP_PROXY"] = "http://127.0.0.1:9";
  try {
    expect((await senderWith().post(`http://crm.example:${plain.port}/`, {}, empty, 5_000)).status).toBe(200);
  } finally {
    if (former === undefined) delete process.env["HTTP_PROXY"];
    else process.env["HTTP_PROXY"] = former;
  }
});

test("a proxy that is set gets the name, for https a tunnel", async () => {
  const asked: string[] = [];
  const port = await rawServer((socket, request) => {
    const [first = ""] = request.split("\r\n");
    asked.push(first);
    if (!first.startsWith("CONNECT")) {
      socket.end("HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n");
      return;
    }
    socket.removeAllListeners("data");
    void Bun.connect({
      hostname: "127.0.0.1",
      port: secure.port ?? 0,
      socket: {
        open(upstream) {
          socket.on("data", (bytes) => void upstream.write(bytes));
          socket.on("close", () => upstream.end());
          socket.write("HTTP/1.1 200 Connected\r\n\r\n");
        },
        data: (_, bytes) => void socket.write(bytes),
        close: () => void socket.end(),
      },
    });
  });
  const unresolved = new HookAddresses(undefined, () => Promise.reject(new Error("the proxy resolves")));
  const sender = senderWith({ proxy: new URL(`http://127.0.0.1:${port}`), addresses: unresolved });
  expect((await sender.post("http://crm.example/x", {}, empty, 5_000)).status).toBe(202);
  expect((await sender.post("https://crm.example/", {}, empty, 5_000)).status).toBe(200);
  expect(asked).toEqual(["POST http://crm.example/x HTTP/1.1", "CONNECT crm.example:443 HTTP/1.1"]);
  expect(await reasonOf(sender.post("https://127.0.0.1/", {}, empty, 5_000))).toContain("--hook-allow");
});

test("answers are read as HTTP says, however they are split", async () => {
  const answers: readonly (readonly [string, number, string])[] = [
    ["HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", 200, "hello"],
    ["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", 201, ""],
    ["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\na: b\r\n\r\n", 200, "hello"],
    ["HTTP/1.1 204 No Content\r\n\r\n", 204, ""],
    ["HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, "until the end"],
  ];
  for (const [text, status, body] of answers)
    for (const step of [1, 3, 1_000]) {
      const port = await rawServer((socket) => {
        const write = (at: number): void => {
          if (at >= text.length) socket.end();
          else socket.write(text.slice(at, at + step), () => setImmediate(write, at + step));
        };
        write(0);
      });
      const answer = await senderWith().post(`http://crm.example:${port}/`, {}, empty, 5_000);
      expect([text, answer.status, answer.body]).toEqual([text, status, body]);
    }
});

test("what is no answer, too long or never ends is given up, with a reason", async () => {
  const endless = "x".repeat(70_000);
  const answers: readonly (readonly [string, string])[] = [
    ["SSH-2.0-OpenSSH_9\r\n\r\n\r\n", "is not HTTP/1.1"],
    ["HTTP/1.1 999 Odd\r\n\r\n", "is not HTTP/1.1"],
    [`HTTP/1.1 200 OK\r\nx: ${endless}`, "is longer than"],
    ["HTTP/1.1 200 OK\r\nbad header\r\n\r\n", "malformed"],
    ["HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", "malformed"],
    ["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "malformed"],
    ["HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n", "unknown transfer encoding"],
    ["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort", "ended before its answer did"],
    ["", "ended before its answer did"],
  ];
  for (const [text, sentence] of answers) {
    const port = await rawServer((socket) => socket.end(text));
    expect(await reasonOf(senderWith().post(`http://crm.example:${port}/`, {}, empty, 5_000))).toContain(sentence);
  }
  const silent = await rawServer(() => undefined);
  expect(await reasonOf(senderWith().post(`http://crm.example:${silent}/`, {}, empty, 50))).toBe(
    "has not answered within 50 ms",
  );
  const long = await rawServer((socket) => socket.write(`HTTP/1.1 200 OK\r\n\r\n${endless}`));
  expect((await senderWith().post(`http://crm.example:${long}/`, {}, empty, 5_000)).body.length).toBe(64 * 1024);
});

test.each([
  ["interim answers", "", `HTTP/1.1 100 Continue\r\nx: ${"x".repeat(8_000)}\r\n\r\n`],
  ["heads of chunks", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", `1;${"x".repeat(8_000)}\r\na\r\n`],
  ["trailers", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", `a: ${"x".repeat(8_000)}\r\n`],
])("an answer with endless %s is given up", async (_, begin, again) => {
  const port = await rawServer((socket) => {
    const write = (text: string): void => {
      if (!socket.destroyed) socket.write(text, () => setImmediate(write, again));
    };
    write(begin + again);
  });
  expect(await reasonOf(senderWith().post(`http://crm.example:${port}/`, {}, empty, 10_000))).toContain(
    "its answer is longer than",
  );
});

test("a connection that the server has closed meanwhile is opened again", async () => {
  let requests = 0;
  const port = await rawServer((socket) => {
    requests++;
    socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    if (requests % 2 === 1) setImmediate(() => socket.destroy());
  });
  const sender = senderWith();
  for (let at = 0; at < 6; at++)
    expect((await sender.post(`http://crm.example:${port}/`, {}, empty, 5_000)).status).toBe(200);
});

test("requests at once keep their connections for the next ones, eight to a place", async () => {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.on("error", () => undefined);
    socket.on("data", () => setTimeout(() => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), 50));
  });
  raw.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const url = `http://crm.example:${typeof address === "object" ? address?.port : 0}/`;
  const sender = senderWith();
  const post = (count: number) =>
    Promise.all(Array.from({ length: count }, () => sender.post(url, {}, empty, 5_000).then(({ status }) => status)));
  expect(await post(8)).toEqual(Array<number>(8).fill(200));
  expect(await post(8)).toEqual(Array<number>(8).fill(200));
  expect(connections).toBe(8);
  expect(await post(10)).toEqual(Array<number>(10).fill(200));
  expect(connections).toBe(10);
  await post(10);
  expect(connections).toBe(12);
});

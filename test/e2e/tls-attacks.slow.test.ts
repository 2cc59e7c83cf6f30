// Peers that abuse TLS at both listeners of a server: their connections end, and nobody else notices.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectSecure, type TLSSocket } from "node:tls";
import type { ServerProcess } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { textProxyHeader } from "../support/proxy-protocol.ts";
import { frameOf } from "../support/wire-client.ts";
import { portOf, TlsStage } from "./tls-stage.ts";

// Those who do not finish a handshake are ended after seconds.
setDefaultTimeout(60_000);

const stage = new TlsStage();
const { ca, authority } = stage;
const schemes = ["wss", "tls"] as const;
type Scheme = (typeof schemes)[number];

let server: ServerProcess;
let token: (account: string) => Promise<string>;
const clients: RoostClient[] = [];
const got: string[] = [];
let alice: RoostClient;
let offline = 0;
let count = 0;

beforeAll(async () => {
  ({ server, token } = await stage.start(undefined, ["--login-wait", "3s"]));
  await signIn("bob", "tls");
  alice = await signIn("alice", "wss");
});

afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await stage.end();
});

const urlOf = (scheme: Scheme): string => (scheme === "wss" ? server.ws : server.tcp);

async function signIn(account: string, scheme: Scheme): Promise<RoostClient> {
  const on = { message: ({ body }: { readonly body: string }) => void got.push(body), offline: () => void offline++ };
  const client = await RoostClient.connect({
    url: urlOf(scheme),
    ca,
    token: await token(account),
    reconnect: false,
    on,
  });
  clients.push(client);
  return client;
}

/** Those who are signed in talk, and others sign in. */
async function goesOn(): Promise<void> {
  const body = `talk ${count}`;
  await alice.talkToUser("bob", { body });
  await until(() => got.includes(body), "it arrives");
  for (const scheme of schemes) await signIn(`newcomer-${count++}`, scheme);
  expect(offline).toBe(0);
  expect(server.log).not.toContain("bug");
}

/** What a client of the platform writes first. */
async function clientHello(): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const socket = { data: (_: unknown, bytes: Buffer) => resolve(Buffer.from(bytes)) };
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket });
  const client = connectSecure({ host: "127.0.0.1", port: listener.port });
  client.on("error", () => undefined);
  const hello = await promise;
  client.destroy();
  listener.stop(true);
  return hello;
}

/** Connects, and keeps what comes. */
function stranger(scheme: Scheme, localAddress = "127.0.0.1") {
  const socket = connectPlain({ host: "127.0.0.1", port: portOf(urlOf(scheme)), localAddress, noDelay: true });
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const received: Buffer[] = [];
  socket.on("data", (bytes: Buffer) => received.push(bytes));
  socket.on("error", () => undefined);
  socket.on("close", () => resolve());
  return { socket, closed, received: () => Buffer.concat(received) };
}

/** A connection whose handshake is done. */
function secured(scheme: Scheme): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectSecure({ host: "127.0.0.1", port: portOf(urlOf(scheme)), ca }, () => resolve(socket));
    socket.on("error", reject);
  });
}

const ended = (socket: Socket): Promise<void> =>
  new Promise((resolve) => void socket.resume().once("close", () => resolve()));

/** Records of the handshake that carry these bytes. */
function handshakeRecords(message: Uint8Array, bytesMax: number): Buffer {
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += bytesMax) {
    const part = message.subarray(at, at + bytesMax);
    records.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 0xff]), Buffer.from(part));
  }
  return Buffer.concat(records);
}

const residentBytes = (): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))?.[1]) * 1024;

const fatalAlert = Buffer.from([21, 3, 3, 0, 2, 2, 40]);
const warning = Buffer.from([21, 3, 3, 0, 2, 1, 90]);
const closeNotify = Buffer.from([21, 3, 3, 0, 2, 1, 0]);
const hugeHello = Buffer.concat([Buffer.from([1, 0, 0xff, 0xfc, 3, 3]), Buffer.alloc(65_530, 1)]);
const httpRequest = Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");

const first: Readonly<Record<string, (hello: Buffer) => Buffer>> = {
  "an HTTP request": () => httpRequest,
  "a frame": () => frameOf(Buffer.from("hello")),
  "a header of the PROXY protocol": (hello) => Buffer.concat([textProxyHeader("192.0.2.1"), hello]),
  "a record that is a byte too long": () => Buffer.concat([Buffer.from([22, 3, 1, 0x40, 1]), Buffer.alloc(0x4001, 1)]),
  "20,000 records without content": () =>
    Buffer.concat(Array.from({ length: 20_000 }, () => Buffer.from([22, 3, 1, 0, 0]))),
  "a ClientHello of 64 KB": () => handshakeRecords(hugeHello, 16_384),
  "a ClientHello of 64 KB in 10,000 records": () => handshakeRecords(hugeHello, 6),
  "an alert": () => fatalAlert,
  "an alert behind its ClientHello": (hello) => Buffer.concat([hello, fatalAlert]),
  "10,000 warnings behind its ClientHello": (hello) =>
    Buffer.concat([hello, ...Array.from({ length: 10_000 }, () => warning)]),
  "close_notify behind its ClientHello": (hello) => Buffer.concat([hello, closeNotify]),
  "a second ClientHello": (hello) => Buffer.concat([hello, hello]),
  "half a ClientHello": (hello) => hello.subarray(0, hello.length / 2),
  "a ClientHello in records of one byte": (hello) => handshakeRecords(hello.subarray(5), 1),
};

describe.each(schemes)("at the %s listener", (scheme) => {
  test.each(Object.keys(first))("a peer that sends %s is ended, and costs nobody anything", async (what) => {
    const peer = stranger(scheme);
    peer.socket.write(first[what]?.(await clientHello()) ?? "");
    await peer.closed;
    await goesOn();
  });

  test("one that writes each byte by itself and never ends is ended", async () => {
    const peer = stranger(scheme);
    const hello = await clientHello();
    for (let at = 0; !peer.socket.destroyed; at++) {
      if (at < hello.length - 1) peer.socket.write(hello.subarray(at, at + 1));
      await Bun.sleep(5);
    }
    await goesOn();
  });

  test.each([0.5, 1])("a thousand that stay with %d of a ClientHello are ended, and keep nobody out", async (part) => {
    const hello = await clientHello();
    const before = residentBytes();
    const peers = Array.from({ length: 1_000 }, (_, at) => {
      const peer = stranger(scheme, `127.0.${1 + (at % 100)}.1`);
      peer.socket.write(hello.subarray(0, hello.length * part));
      return peer;
    });
    await goesOn();
    // An upper bound on what the handshakes of strangers may take: 64 KB each.
    expect(residentBytes() - before).toBeLessThan(64 * 1024 * 1024);
    await Promise.all(peers.map(({ closed }) => closed));
    await goesOn();
  });

  test("one that is silent after its handshake is ended", async () => {
    const peer = await secured(scheme);
    await ended(peer);
    await goesOn();
  });

  test("a header of the PROXY protocol within TLS is refused", async () => {
    const peer = await secured(scheme);
    peer.write(Buffer.concat([textProxyHeader("192.0.2.1"), httpRequest]));
    await ended(peer);
    await goesOn();
  });

  test("one that closes TLS in the middle of a frame or a request leaves nothing", async () => {
    const peer = await secured(scheme);
    peer.end(scheme === "wss" ? httpRequest.subarray(0, 20) : frameOf(Buffer.from("hello")).subarray(0, 7));
    await ended(peer);
    await goesOn();
  });

  test("10,000 records of one byte each are a request like another one", async () => {
    const peer = await secured(scheme);
    const received: Buffer[] = [];
    peer.on("data", (bytes: Buffer) => received.push(bytes));
    const close = ended(peer);
    const long = `GET /other HTTP/1.1\r\nHost: localhost\r\nX-Long: ${"x".repeat(9_000)}\r\n\r\n`;
    const bytes = scheme === "wss" ? Buffer.from(long) : frameOf(Buffer.alloc(9_995, 1));
    for (let at = 0; at < bytes.length; at++) peer.write(bytes.subarray(at, at + 1));
    await close;
    expect(Buffer.concat(received).toString()).toContain(scheme === "wss" ? "426 Upgrade Required" : "1002");
    await goesOn();
  });

  test.each([
    ["KEYUPDATE", "-tls1_3", "K\n", 100],
    ["RENEGOTIATING", "-tls1_2", "R\n", 1],
  ])("one that goes on with %s is ended", async (sign, version, line, times) => {
    const words = ["s_client", "-connect", `127.0.0.1:${portOf(urlOf(scheme))}`, "-CAfile", authority.root, version];
    const child = Bun.spawn(["openssl", ...words], { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
    const said = Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    await Bun.sleep(100);
    // It takes a line for a command if it reads the line by itself.
    for (let i = 0; i < times && child.exitCode === null; i++) {
      void child.stdin.write(line);
      void child.stdin.flush();
      await Bun.sleep(5);
    }
    await goesOn();
    await child.exited;
    expect((await said).join("")).toContain(sign);
    await goesOn();
  });
});

test("faults are counted by their kinds, where the platform reports them", async () => {
  const metrics = await (await fetch(`${server.monitor}/metrics`)).text();
  const faults = (kind: string): number =>
    Number(new RegExp(`^roost_protocol_fault_total\\{.*kind="${kind}"\\} (\\d+)$`, "m").exec(metrics)?.[1] ?? 0);
  expect(faults("plain-text")).toBeGreaterThanOrEqual(3);
  expect(faults("tls-handshake")).toBeGreaterThanOrEqual(1_000);
});

import { afterEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect } from "node:tls";
import { listenWebSocket } from "../../../src/transport/websocket.ts";
import type { TlsContext } from "../../../src/transport/tls/tls-context.ts";
import type { Server } from "../../../src/transport/transport.ts";
import { closeNormal, type CloseReason } from "../../../src/wire/close-reason.ts";
import { TestAuthority } from "../../support/certificates.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { eventually, type Recording, recordingAcceptor, testOptions } from "../recording.ts";
import { contextOf, loopback, portOf } from "./tls-stage.ts";

const authority = new TestAuthority(temporaryFolder("roost-tls-websocket-"));
const leaf = authority.leaf();
const others = [authority.leaf(), authority.leaf(), authority.leaf(), authority.leaf(), authority.leaf()];
const ca = readFileSync(authority.root, "utf8");
const fingerprints = [leaf, ...others].map((pair) => contextOf(pair).certificate.fingerprint);

const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close(closeNormal)));
});

function serve(context: TlsContext, reusePort = false, at = loopback) {
  const options = testOptions();
  const accepted: Recording[] = [];
  const server = listenWebSocket(at, recordingAcceptor(accepted), { ...options, tls: context }, reusePort);
  servers.push(server);
  return { server, accepted, options, port: portOf(server) };
}

/** Opens a WebSocket; rejects if that fails. */
function open(port: number): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    // The types are those of browsers, which take no certificates.
    const socket: unknown = Reflect.construct(WebSocket, [`wss://127.0.0.1:${port}/`, { tls: { ca } }]);
    if (!(socket instanceof WebSocket)) throw new Error("it is one");
    socket.addEventListener("open", () => resolve(socket));
    socket.addEventListener("error", () => reject(new Error("no WebSocket there")));
  });
}

function served(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, ca }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

describe("a WebSocket server with TLS", () => {
  test("serves its certificate, and WebSockets that are verified", async () => {
    const { port, accepted } = serve(contextOf(leaf));
    const socket = await open(port);
    socket.send(Buffer.from("hello"));
    await eventually(() => accepted[0]?.frames.length === 1);
    expect(await served(port)).toBe(fingerprints[0] ?? "");
    socket.close();
  });

  test("answers no plain text", async () => {
    const { port } = serve(contextOf(leaf));
    expect(await fetch(`http://127.0.0.1:${port}/`).catch((error: unknown) => error)).toBeInstanceOf(Error);
  });

  test("refuses an address at which another one listens already", () => {
    const context = contextOf(leaf);
    const { port } = serve(context);
    expect(() => serve(context, false, { host: "127.0.0.1", port })).toThrow("Failed to listen at 127.0.0.1");
  });

  test("serves every renewed certificate at once, and keeps its connections", async () => {
    const context = contextOf(leaf);
    const { port, accepted, options, server } = serve(context);
    const sockets = [await open(port)];
    const closes: CloseReason[] = [];
    for (const [at, pair] of others.entries()) {
      context.replace(contextOf(pair).certificate);
      // More of them than may listen at once: the last ones wait for the grace of the first.
      if (at >= 3) options.wheel.advance(11_000);
      // Steering takes the loading of a library, once.
      await Bun.sleep(at === 0 ? 50 : 5);
      for (let i = 0; i < 10; i++) expect(await served(port)).toBe(fingerprints[at + 1] ?? "");
      sockets.push(await open(port));
    }
    for (const socket of sockets)
      socket.addEventListener("close", ({ code, reason }) => closes.push({ code, text: reason }));
    options.wheel.advance(20_000);
    await Bun.sleep(20);
    for (const socket of sockets) socket.send(Buffer.from("still here"));
    await eventually(() => accepted.every(({ frames }) => frames.length === 1));
    expect(accepted).toHaveLength(sockets.length);
    expect(closes).toEqual([]);
    expect(await served(port)).toBe(fingerprints.at(-1) ?? "");
    expect(options.observer.bugs).toEqual([]);
    await server.close(closeNormal);
    await eventually(() => closes.length === sockets.length);
    expect(new Set(closes.map(({ code }) => code))).toEqual(new Set([1000]));
  });

  test("loses no connection while certificates are renewed", async () => {
    const context = contextOf(leaf);
    const { port, options, accepted } = serve(context);
    const running = new AbortController();
    const openedBy: number[] = Array.from({ length: 8 }, () => 0);
    const opened = (): number => openedBy.reduce((sum, count) => sum + count, 0);
    const client = async (_: number, at: number): Promise<void> => {
      while (!running.signal.aborted) {
        const socket = await open(port);
        socket.send(Buffer.from("hello"));
        openedBy[at] = (openedBy[at] ?? 0) + 1;
        await new Promise((resolve) => setTimeout(resolve, 1));
        socket.close();
      }
    };
    const clients = openedBy.map(client);
    for (let round = 0; round < 12; round++) {
      context.replace(contextOf(others[round % others.length] ?? leaf).certificate);
      await Bun.sleep(60);
      // No handshake takes as long as the grace, on the slowest machine: those with the former server are over.
      const before = [...openedBy];
      await eventually(() => before.every((count, at) => (openedBy[at] ?? 0) > count));
      options.wheel.advance(11_000);
      await Bun.sleep(10);
    }
    running.abort();
    await Promise.all(clients);
    await eventually(() => accepted.length === opened());
    expect(opened()).toBeGreaterThan(50);
    expect(options.observer.bugs).toEqual([]);
  });

  test("that shares its port takes a renewed certificate when the old server stops", async () => {
    const context = contextOf(leaf);
    const { port, options } = serve(context, true);
    context.replace(contextOf(others[0] ?? leaf).certificate);
    expect(fingerprints.slice(0, 2)).toContain(await served(port));
    options.wheel.advance(11_000);
    for (let i = 0; i < 10; i++) expect(await served(port)).toBe(fingerprints[1] ?? "");
  });
});

// Handshakes with Node's TLS client, and with peers that do not finish one.

import { afterEach, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectSecure, type ConnectionOptions, type TLSSocket } from "node:tls";
import { silentLog } from "../../../src/base/log.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { listOfRanges, parseRange } from "../../../src/transport/address-ranges.ts";
import { Admission } from "../../../src/transport/admission.ts";
import { listenTcp } from "../../../src/transport/tcp.ts";
import type { TlsContext } from "../../../src/transport/tls/tls-context.ts";
import type { Server } from "../../../src/transport/transport.ts";
import { TrustedProxies } from "../../../src/transport/trusted-proxies.ts";
import { closeNormal } from "../../../src/wire/close-reason.ts";
import { TurnShare } from "../../../src/base/turn-share.ts";
import { TestAuthority } from "../../support/certificates.ts";
import { holdingBack } from "../../support/held-back.ts";
import { RawTcp } from "../../support/raw-tcp.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { frameOf } from "../../support/wire-client.ts";
import { eventually, type Recording, recordingAcceptor, type TestOptions, testOptions } from "../recording.ts";
import { contextOf, loopback, portOf } from "./tls-stage.ts";

const folder = temporaryFolder("roost-handshakes-");
const authority = new TestAuthority(folder);
const leaf = authority.leaf();
const tls = contextOf(leaf);
const ca = readFileSync(authority.root, "utf8");

const servers: Server[] = [];
const sockets: (Socket | RawTcp)[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0))
    if (socket instanceof RawTcp) socket.close();
    else socket.destroy();
  await Promise.all(servers.splice(0).map((server) => server.close(closeNormal)));
});

function serve(overrides: Partial<TestOptions> = {}, context: TlsContext = tls) {
  const options = testOptions(overrides);
  const accepted: Recording[] = [];
  const server = listenTcp(loopback, recordingAcceptor(accepted), { ...options, tls: context });
  servers.push(server);
  return { server, accepted, options, port: portOf(server), faults: options.observer.faults };
}

/** Connects Node's TLS client; rejects with what it finds wrong. */
function secure(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectSecure({ host: "127.0.0.1", port, ca, ...options }, () => resolve(socket));
    sockets.push(socket);
    socket.on("error", reject);
  });
}

function plain(port: number): Socket {
  const socket = connectPlain({ host: "127.0.0.1", port, noDelay: true });
  sockets.push(socket);
  socket.on("error", () => undefined);
  return socket;
}

/** The first bytes of a client, as OpenSSL writes them. */
async function clientHello(): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: (_, bytes) => resolve(bytes) } });
  const child = Bun.spawn(["openssl", "s_client", "-connect", `127.0.0.1:${listener.port}`], {
    stdin: "pipe",
    stdout: "ignore",
    stderr: "ignore",
  });
  const hello = await promise;
  child.kill();
  listener.stop(true);
  return Buffer.from(hello);
}

describe("Node's TLS client", () => {
  test("gets the certificate that the context has by then", async () => {
    const context = contextOf(leaf);
    const { port } = serve({}, context);
    const before = await secure(port);
    const renewed = contextOf(authority.leaf()).certificate;
    context.replace(renewed);
    const after = await secure(port);
    expect(after.getPeerCertificate().fingerprint256).toBe(renewed.fingerprint);
    expect(before.getPeerCertificate().fingerprint256).not.toBe(renewed.fingerprint);
  });
});

describe("a handshake", () => {
  test("byte by byte succeeds", async () => {
    const { port, accepted } = serve();
    // A proxy that passes single bytes on.
    const listener = Bun.listen<undefined>({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open(client) {
          const upstream = plain(port);
          let sent = Promise.resolve();
          upstream.on("data", (bytes: Buffer) => void client.write(bytes));
          upstream.on("close", () => client.end());
          client.reload({
            socket: {
              data(_, bytes) {
                for (const byte of Uint8Array.from(bytes))
                  sent = sent.then(async () => {
                    upstream.write(Uint8Array.of(byte));
                    await new Promise((resolve) => setImmediate(resolve));
                  });
              },
              close: () => void upstream.end(),
            },
          });
        },
        data: () => undefined,
      },
    });
    const client = await secure(listener.port);
    client.write(frameOf(Buffer.from("hello")));
    await eventually(() => accepted[0]?.frames.length === 1);
    expect(accepted[0]?.frames[0]?.toString()).toBe("hello");
    listener.stop(true);
  });

  test("that is not finished in time is ended", async () => {
    const { port, options, server, accepted, faults } = serve({ headWaitMs: 1_000 });
    const hello = await clientHello();
    const silent = plain(port);
    const half = plain(port);
    half.write(hello.subarray(0, 100));
    const closed = [silent, half].map((socket) => new Promise((resolve) => socket.once("close", resolve)));
    await eventually(() => [...server.connections].length === 2 && options.observer.in === 100);
    options.wheel.advance(1_100);
    await Promise.all(closed);
    expect([...server.connections]).toEqual([]);
    expect(accepted).toEqual([]);
    expect(faults).toEqual(["tls-handshake", "tls-handshake"]);
  });

  test("is ended in favour of another peer, when there are a thousand halves of one", async () => {
    const met: string[] = [];
    const admission = new Admission({
      connectionsMax: 10_000,
      overflowMax: 10,
      unidentifiedMax: 100,
      unidentifiedPerAddressMax: 50,
      quotaOf: (address) => address,
      met: (bound) => met.push(bound),
    });
    const { port, server, accepted } = serve({ admission, unidentifiedShare: new TurnShare(5, 16) });
    const hello = await clientHello();
    for (let i = 0; i < 1_000; i++) {
      const peer = new RawTcp(port, `127.0.1.${1 + (i % 4)}`);
      sockets.push(peer);
      peer.write(hello.subarray(0, 200));
      if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await eventually(() => met.length === 900);
    expect([...server.connections]).toHaveLength(100);
    const client = await secure(port);
    client.write(frameOf(Buffer.from("served")));
    await eventually(() => accepted[0]?.frames.length === 1);
    accepted[0]?.connection.identified();
    for (const peer of sockets.splice(0))
      if (peer instanceof RawTcp) peer.close();
      else sockets.push(peer);
    await eventually(() => admission.connections === 1);
    expect(admission.unidentifiedCount).toBe(0);
  });

  test("that waits for its turn loses no byte", async () => {
    const unidentifiedShare = new TurnShare(1_000, 1);
    const { port, accepted } = serve({ unidentifiedShare });
    const clients = await Promise.all(Array.from({ length: 20 }, () => secure(port)));
    for (const client of clients) client.write(frameOf(Buffer.from("hello")));
    await eventually(() => accepted.length === 20 && accepted.every(({ frames }) => frames.length === 1));
  });

  test("that ends together with more bytes than a handshake may have succeeds", async () => {
    const { port, accepted, faults } = serve({ frameBytesMax: 1_000_000 });
    const client = await secure(await holdingBack(port, 300_000));
    client.write(frameOf(Buffer.alloc(400_000, 1)));
    await eventually(() => accepted[0]?.frames[0]?.length === 400_000 || faults.length > 0);
    expect(faults).toEqual([]);
  });

  test("of a peer that leaves in the middle leaves nothing", async () => {
    const { port, server, accepted, faults } = serve();
    const hello = await clientHello();
    for (const bytes of [0, 1, 5, 100, hello.length]) {
      const peer = new RawTcp(port);
      peer.write(hello.subarray(0, bytes));
      await eventually(() => [...server.connections].length === 1);
      peer.reset();
      await eventually(() => [...server.connections].length === 0);
    }
    expect(accepted).toEqual([]);
    expect(new Set(faults)).toEqual(new Set(["tls-handshake"]));
  });

  test.each([
    ["a record that is too long", [22, 3, 1, 0xff, 0xff, 1, 2, 3]],
    ["a version that nobody knows", [22, 9, 9, 0, 5, 1, 2, 3, 4, 5]],
    ["another message than a hello", [22, 3, 1, 0, 5, 20, 0, 0, 1, 0]],
    ["a hello of rubbish", [22, 3, 1, 0, 8, 1, 0, 0, 4, 9, 9, 9, 9]],
  ])("whose first bytes are %s keeps no descriptor, whatever its peer does", async (_, bytes) => {
    const { port, server, faults } = serve();
    const descriptors = (): number => readdirSync("/proc/self/fd").length;
    const [before, count] = [descriptors(), 10];
    const peers = Array.from({ length: count }, () => new RawTcp(port));
    sockets.push(...peers);
    for (const peer of peers) peer.write(Uint8Array.from(bytes));
    await eventually(() => faults.length === count);
    expect([...server.connections]).toEqual([]);
    await eventually(() => descriptors() <= before + count);
  });

  test("with a record that is too long, or with more than one may send, fails", async () => {
    const { port, server, faults } = serve();
    const tooLong = plain(port).resume();
    tooLong.write(Buffer.concat([Buffer.from([22, 3, 1, 0xff, 0xff]), Buffer.alloc(70_000, 1)]));
    await new Promise((resolve) => tooLong.once("close", resolve));
    const hello = await clientHello();
    const flood = plain(port).resume();
    // A client may write ChangeCipherSpec records; one that does without end is refused.
    flood.write(Buffer.concat([hello, ...Array.from({ length: 20_000 }, () => Buffer.from([20, 3, 3, 0, 1, 1]))]));
    await new Promise((resolve) => flood.once("close", resolve));
    expect([...server.connections]).toEqual([]);
    expect(faults.length).toBeGreaterThanOrEqual(2);
  });
});

describe("the other protocol", () => {
  test("a plain client of a TLS port is told so", async () => {
    const { port, faults, accepted } = serve();
    const socket = plain(port);
    const received: Buffer[] = [];
    socket.on("data", (bytes: Buffer) => received.push(bytes));
    socket.write(frameOf(Buffer.from("hello")));
    await new Promise((resolve) => socket.once("end", resolve));
    expect(Buffer.concat(received).toString()).toContain("this port takes TLS only: connect with tls://");
    expect(faults).toEqual(["plain-text"]);
    expect(accepted).toEqual([]);
  });

  test("a TLS client of a plain port is closed and counted", async () => {
    const options = testOptions();
    const server = listenTcp(loopback, recordingAcceptor([]), options);
    servers.push(server);
    expect(await secure(portOf(server)).catch((error: unknown) => error)).toBeInstanceOf(Error);
    expect(options.observer.faults).toEqual(["tls"]);
  });
});

describe("a header of the PROXY protocol before TLS", () => {
  const header = "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n";

  function behindProxy(overrides: Partial<TestOptions> = {}) {
    const range = parseRange("127.0.0.1/32");
    if (range === undefined) throw new Error("it is a range");
    const proxies = new TrustedProxies(listOfRanges([range]), silentLog, systemClock);
    return serve({ proxies, ...overrides });
  }

  /** A client whose first bytes are the header. `isApart`: in a segment of its own. */
  function proxied(port: number, isApart: boolean): Promise<TLSSocket> {
    const socket = plain(port);
    return new Promise((resolve, reject) => {
      socket.once("connect", () => {
        if (!isApart) socket.cork();
        socket.write(header);
        const client = connectSecure({ socket, ca, servername: "localhost" }, () => resolve(client));
        client.on("error", reject);
        if (!isApart) setTimeout(() => socket.uncork(), 20);
      });
    });
  }

  test.each([true, false])("names the client; in a segment of its own: %p", async (isApart) => {
    const { port, accepted } = behindProxy();
    const client = await proxied(port, isApart);
    client.write(frameOf(Buffer.from("hello")));
    await eventually(() => accepted[0]?.frames.length === 1);
    expect(accepted[0]?.connection.remoteAddress).toBe("192.0.2.1");
  });

  test("is required of a trusted proxy", async () => {
    const { port, faults } = behindProxy();
    const hello = await clientHello();
    plain(port).write(hello);
    await eventually(() => faults.length > 0);
    expect(faults).toEqual(["proxy-header"]);
  });

  test("that is none ends the connection at once, and one that is late when its time is up", async () => {
    const { port, options, server, faults } = behindProxy({ headWaitMs: 1_000 });
    const closed = (socket: Socket) => new Promise((resolve) => socket.resume().once("close", resolve));
    const rubbish = plain(port);
    rubbish.write("GET / HTTP/1.1\r\n\r\n");
    await closed(rubbish);
    expect(faults).toEqual(["proxy-header"]);
    const [silent, half] = [plain(port), plain(port)];
    half.write(header.slice(0, 9));
    await eventually(() => [...server.connections].length === 2);
    options.wheel.advance(1_100);
    await Promise.all([closed(silent), closed(half)]);
    expect([...server.connections]).toEqual([]);
    plain(port);
    await eventually(() => [...server.connections].length === 1);
    await server.close(closeNormal);
    expect([...server.connections]).toEqual([]);
  });

  test("is refused without a handshake behind it", async () => {
    const { port, faults } = behindProxy();
    const socket = plain(port);
    socket.write(Buffer.concat([Buffer.from(header), frameOf(Buffer.from("hello"))]));
    await new Promise((resolve) => socket.resume().once("end", resolve));
    expect(faults).toEqual(["plain-text"]);
  });
});

// Peers of a TLS connection that read slowly or not at all, and that send records byte by byte, or none at all: what
// holds for plain connections holds below a layer that cuts and buffers by itself.

import { afterEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectSecure, type TLSSocket } from "node:tls";
import { listenTcp } from "../../../src/transport/tcp.ts";
import type { Server } from "../../../src/transport/transport.ts";
import { listenWebSocket } from "../../../src/transport/websocket.ts";
import { CloseCode, closeKicked, closeNormal } from "../../../src/wire/close-reason.ts";
import { closeFrame } from "../../../src/wire/frame-writer.ts";
import { TestAuthority } from "../../support/certificates.ts";
import { upgradeRequest } from "../../support/proxy-protocol.ts";
import { Relay } from "../../support/relay.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { frameOf } from "../../support/wire-client.ts";
import { eventually, type Recording, recordingAcceptor, type TestOptions, testOptions, turn } from "../recording.ts";
import { contextOf, loopback, portOf } from "./tls-stage.ts";

const authority = new TestAuthority(temporaryFolder("roost-unruly-"));
const tls = contextOf(authority.leaf());
const ca = readFileSync(authority.root, "utf8");
const mib = 1024 * 1024;
/** What the kernel's buffers of both ends hold at most (tcp_wmem and tcp_rmem), with room. */
const kernelBytesMax = 24 * mib;

const servers: Server[] = [];
const sockets: Socket[] = [];
const taps: Tap[] = [];
afterEach(async () => {
  for (const tap of taps.splice(0)) tap.stop();
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => server.close(closeNormal)));
});

/** Passes ciphertext on: that of the server as it comes, that of the client byte by byte once it is asked to. */
class Tap extends Relay {
  /** Lengths of the records that the server sent. */
  readonly lengths: number[] = [];
  isTrickling = false;
  private readonly serverPort: number;
  private passed = Promise.resolve();

  private constructor(serverPort: number) {
    super();
    this.serverPort = serverPort;
  }

  static async start(serverPort: number): Promise<Tap> {
    const tap = new Tap(serverPort);
    await tap.listen();
    taps.push(tap);
    return tap;
  }

  protected override join(client: Socket): Socket {
    const upstream = connectPlain({ host: "127.0.0.1", port: this.serverPort, noDelay: true });
    upstream.on("data", (bytes: Buffer) => {
      // Nothing is in flight when a test looks, so records come whole.
      for (let at = 0; at + 5 <= bytes.length; at += 5 + (this.lengths.at(-1) ?? 0))
        this.lengths.push(bytes.readUInt16BE(at + 3));
      client.write(bytes);
    });
    client.on("data", (bytes: Buffer) => {
      if (!this.isTrickling) upstream.write(bytes);
      else this.passed = this.passed.then(() => trickle(upstream, bytes));
    });
    return upstream;
  }

  protected override otherEnded(socket: Socket): void {
    socket.destroy();
  }
}

async function trickle(socket: Socket, bytes: Buffer): Promise<void> {
  for (const byte of bytes) {
    if (socket.destroyed) return;
    socket.write(Uint8Array.of(byte));
    await turn();
  }
}

const transports = [
  { name: "tls", listen: listenTcp, greeting: Buffer.alloc(0) },
  { name: "wss", listen: listenWebSocket, greeting: upgradeRequest() },
];

/** A server, a TLS client over a socket of its own, and the owner of its connection. */
async function met({ listen, greeting }: (typeof transports)[number], options: TestOptions, isTapped = false) {
  const accepted: Recording[] = [];
  const server = listen(loopback, recordingAcceptor(accepted), { ...options, tls });
  servers.push(server);
  const tap = isTapped ? await Tap.start(portOf(server)) : undefined;
  const below = connectPlain({ host: "127.0.0.1", port: tap?.port ?? portOf(server), noDelay: true });
  sockets.push(below);
  below.on("error", () => undefined);
  const client = await new Promise<TLSSocket>((resolve, reject) => {
    const secure = connectSecure({ socket: below, ca, servername: "localhost" }, () => resolve(secure));
    secure.on("error", reject);
  });
  if (greeting.length > 0) client.write(greeting);
  await eventually(() => accepted.length === 1);
  const [owner] = accepted;
  if (owner === undefined) throw new Error("one was accepted");
  return { below, client, owner, server, tap };
}

/** Waits until nothing more leaves. */
async function settled(owner: Recording): Promise<void> {
  for (let before = -1; before !== owner.connection.unsentBytes;) {
    before = owner.connection.unsentBytes;
    await turn(10);
  }
}

test.each(transports)("all frames of one turn leave in one record over $name", async (transport) => {
  const { owner, client, tap } = await met(transport, testOptions(), true);
  let received = 0;
  client.on("data", (bytes: Buffer) => (received += bytes.length));
  owner.connection.send(Buffer.alloc(1_000));
  await eventually(() => received >= 1_000);
  // The tickets of the session have arrived by now, too.
  const [bytesBefore, recordsBefore] = [received, tap?.lengths.length ?? 0];
  for (let i = 0; i < 100; i++) owner.connection.send(Buffer.alloc(95));
  await eventually(() => received - bytesBefore >= 100 * 97);
  expect({ lengths: tap?.lengths.slice(recordsBefore) }).toEqual({ lengths: [expect.any(Number)] });
});

describe.each(transports)("a peer over $name that stops reading", (transport) => {
  test("gets no more than the kernel buffers, and is closed with 1013 beyond unsentBytesMax", async () => {
    const options = testOptions({ unsentBytesMax: mib, writeWaitMs: 300 });
    const { below, owner } = await met(transport, options);
    below.pause();
    let sent = 0;
    for (; sent < 256 * mib && owner.connection.isOpen; sent += 50_000) {
      owner.connection.send(Buffer.alloc(50_000));
      expect(owner.connection.unsentBytes).toBeLessThanOrEqual(mib);
      await turn();
    }
    expect(owner.connection.isOpen).toBe(false);
    expect(options.observer.out).toBeLessThan(kernelBytesMax);
    expect(options.flusher.queues.buffers.takenBytes + options.flusher.heldBytes).toBeLessThan(2 * mib);
    options.wheel.advance(400);
    expect((await owner.end()).code).toBe(CloseCode.Overload);
    expect(options.flusher.queues.buffers.takenBytes + options.flusher.heldBytes).toBe(0);
  });

  test("is ended after writeWaitMs with 1013, also when it was asked to go", async () => {
    for (const isClosed of [false, true]) {
      const options = testOptions({ unsentBytesMax: 64 * mib, writeWaitMs: 300 });
      const { below, owner } = await met(transport, options);
      below.pause();
      for (let i = 0; i < 80; i++) owner.connection.send(Buffer.alloc(500_000));
      if (isClosed) owner.connection.close(closeKicked);
      await settled(owner);
      options.wheel.advance(290);
      await turn(3);
      expect(owner.reasons).toEqual([]);
      options.wheel.advance(50);
      expect((await owner.end()).code).toBe(isClosed ? closeKicked.code : CloseCode.Overload);
    }
  });
});

describe("a peer over tls", () => {
  const [transport] = transports;
  if (transport === undefined) throw new Error("there is one");

  test("that reads slowly keeps its connection, and gets every byte in order", async () => {
    const options = testOptions({ unsentBytesMax: 64 * mib, writeWaitMs: 300 });
    const { client, below, owner } = await met(transport, options);
    const received: Buffer[] = [];
    client.on("data", (bytes: Buffer) => received.push(bytes));
    below.pause();
    const payloads = Array.from({ length: 40 }, (_, i) => Buffer.alloc(500_000, i));
    for (const payload of payloads) owner.connection.send(payload);
    await settled(owner);
    owner.connection.close(closeKicked);
    const expected = Buffer.concat([...payloads.map((payload) => frameOf(payload)), closeFrame(closeKicked)]);
    // A megabyte at a time: the kernel tells a writer of room only when there is much of it.
    for (let total = 0; total < expected.length;) {
      const goal = Math.min(total + mib, expected.length);
      below.resume();
      await eventually(() => {
        total = received.reduce((sum, { length }) => sum + length, 0);
        return total >= goal;
      });
      below.pause();
    }
    below.resume();
    expect((await owner.end()).code).toBe(closeKicked.code);
    expect(Buffer.concat(received).equals(expected)).toBe(true);
  });

  test("that sends byte by byte is understood, and is charged for each byte like one without TLS", async () => {
    const payload = Buffer.alloc(1_000, 7);
    for (const framesAtOnce of [2_000, 500]) {
      const options = testOptions({ framesPerSecond: 1, framesAtOnce });
      const { client, owner, tap } = await met(transport, options, true);
      if (tap !== undefined) tap.isTrickling = true;
      client.write(frameOf(payload));
      const isCharged = framesAtOnce < payload.length;
      await eventually(() => owner.frames.length === 1 || !owner.connection.isOpen);
      expect(owner.frames).toEqual(isCharged ? [] : [payload]);
      expect(options.observer.faults).toEqual(isCharged ? ["too-many-frames"] : []);
      if (isCharged) expect((await owner.end()).code).toBe(CloseCode.Limit);
    }
  });

  test.each([
    ["a record that is too long", Buffer.concat([Buffer.from([23, 3, 3, 0xff, 0xff]), Buffer.alloc(70_000, 1)])],
    ["a record that does not decrypt", Buffer.concat([Buffer.from([23, 3, 3, 0, 100]), Buffer.alloc(100, 1)])],
    ["plain text", frameOf(Buffer.from("hello"))],
    ["another handshake", Buffer.concat([Buffer.from([22, 3, 1, 0, 100, 1]), Buffer.alloc(99, 1)])],
  ])("that sends %s after the handshake is ended, and nothing of it is delivered", async (_, bytes) => {
    const { below, owner, server } = await met(transport, testOptions());
    below.write(bytes);
    expect((await owner.end()).code).toBe(CloseCode.Abnormal);
    expect(owner.frames).toEqual([]);
    expect([...server.connections]).toEqual([]);
  });
});

import { afterEach, describe, expect, test } from "bun:test";
import { systemClock } from "../../src/base/clock.ts";
import { createConnection, type Socket } from "node:net";
import { silentLog } from "../../src/base/log.ts";
import { dialTcp, listenTcp } from "../../src/transport/tcp.ts";
import type { Server } from "../../src/transport/transport.ts";
import { TrustedProxies } from "../../src/transport/trusted-proxies.ts";
import { closeKicked, closeNormal } from "../../src/wire/close-reason.ts";
import { closeFrame, frameHeaderBytes, pingFrame, pongFrame, writeFrameHeader } from "../../src/wire/frame-writer.ts";
import { RawTcp } from "../support/raw-tcp.ts";
import { eventually, Recording, recordingAcceptor, type TestOptions, testOptions, turn } from "./recording.ts";
import { DialledClient } from "./stage.ts";
import { describeTransport } from "./suite.ts";

const loopback = { host: "127.0.0.1", port: 0 };

function portOf(server: Server): number {
  return Number(server.address.slice(server.address.lastIndexOf(":") + 1));
}

describeTransport("TCP", () => ({
  listen: (acceptor, options) => listenTcp(loopback, acceptor, options),
  dial: async (server, options) => {
    const box: DialledClient[] = [];
    const open = (connection: ConstructorParameters<typeof DialledClient>[0]): DialledClient => {
      const client = new DialledClient(connection);
      box.push(client);
      return client;
    };
    await dialTcp({ host: "127.0.0.1", port: portOf(server) }, open, options);
    const [client] = box;
    if (client === undefined) throw new Error("dialled without a handler");
    return client;
  },
}));

function binaryFrame(payload: string | Buffer): Buffer {
  const bytes = Buffer.from(payload);
  const frame = Buffer.alloc(5 + bytes.length);
  writeFrameHeader(frame, 0, 2, bytes.length);
  bytes.copy(frame, 5);
  return frame;
}

describe("a TCP server", () => {
  const servers: Server[] = [];
  const sockets: Socket[] = [];

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await Promise.all(servers.splice(0).map((server) => server.close(closeNormal)));
  });

  /** A server with one raw client: bytes in, bytes out. */
  async function raw(options: TestOptions = testOptions(), allowHalfOpen = false) {
    const accepted: Recording[] = [];
    const server = listenTcp(loopback, recordingAcceptor(accepted), options);
    servers.push(server);
    const socket = createConnection({ host: "127.0.0.1", port: portOf(server), noDelay: true, allowHalfOpen });
    sockets.push(socket);
    const received: Buffer[] = [];
    const state = { isEnded: false };
    socket.on("data", (chunk) => received.push(typeof chunk === "string" ? Buffer.from(chunk) : chunk));
    socket.on("end", () => (state.isEnded = true));
    socket.on("error", () => (state.isEnded = true));
    await eventually(() => accepted.length === 1);
    const [owner] = accepted;
    if (owner === undefined) throw new Error("one was accepted");
    return { socket, owner, server, options, state, bytes: () => Buffer.concat(received) };
  }

  test("reads frames that arrive byte by byte", async () => {
    const { socket, owner } = await raw();
    for (const byte of Buffer.concat([binaryFrame("one"), binaryFrame(""), pingFrame, binaryFrame("two")])) {
      socket.write(Buffer.from([byte]));
      await turn();
    }
    await owner.framesReach(2);
    expect(owner.frames.map(String)).toEqual(["one", "two"]);
  });

  test("answers a ping with a pong of the same payload, between whole frames", async () => {
    const { socket, owner, bytes } = await raw();
    owner.onFrame = (payload) => owner.connection.send(payload);
    const ping = Buffer.alloc(7);
    writeFrameHeader(ping, 0, 9, 2);
    ping.write("hi", 5);
    socket.write(Buffer.concat([binaryFrame("a".repeat(3_000)), pingFrame, ping, binaryFrame("b")]));
    const pong = Buffer.from(ping);
    pong[0] = 10;
    const expected = Buffer.concat([binaryFrame("a".repeat(3_000)), pongFrame, pong, binaryFrame("b")]);
    await eventually(() => bytes().length >= expected.length);
    expect(bytes().equals(expected)).toBe(true);
  });

  test("writes all frames of one turn at once", async () => {
    const { socket, owner } = await raw();
    const reads: number[] = [];
    socket.on("data", (chunk) => reads.push(chunk.length));
    for (let i = 0; i < 100; i++) owner.connection.send(Buffer.alloc(95));
    await eventually(() => reads.length > 0);
    expect(reads).toEqual([10_000]);
  });

  const refusals: { name: string; bytes: number[]; code: string; kind: string }[] = [
    { name: "a declared length of 4 GB", bytes: [2, 255, 255, 255, 255], code: "1009 ", kind: "frame-too-large" },
    { name: "a frame one byte too long", bytes: [2, 0, 16, 0, 1], code: "1009 ", kind: "frame-too-large" },
    { name: "an unknown opcode", bytes: [7, 0, 0, 0, 0], code: "1002 ", kind: "frame" },
    { name: "a text frame", bytes: [1, 0, 0, 0, 1, 65], code: "1002 ", kind: "frame" },
    { name: "a continuation frame", bytes: [0, 0, 0, 0, 0], code: "1002 ", kind: "frame" },
    { name: "a ping of 1 MB", bytes: [9, 0, 15, 0, 0], code: "1002 ", kind: "frame" },
  ];
  for (const { name, bytes: offending, code, kind } of refusals) {
    test(`refuses ${name} at once with a close frame, and counts it`, async () => {
      const { socket, owner, options, state, bytes } = await raw();
      socket.write(Buffer.concat([binaryFrame("fine"), Buffer.from(offending), Buffer.alloc(100_000, 2)]));
      await eventually(() => state.isEnded);
      expect(bytes()[0]).toBe(8);
      expect(bytes().toString("utf8", 5)).toStartWith(code);
      expect(`${(await owner.end()).code} `).toBe(code);
      expect(owner.frames.map(String)).toEqual(["fine"]);
      expect(options.observer.faults).toEqual([kind]);
    });
  }

  test("takes a close frame's reason, also free text of foreign peers", async () => {
    const { socket, owner, state } = await raw();
    const close = Buffer.alloc(8);
    writeFrameHeader(close, 0, 8, 3);
    close.write("bye", 5);
    socket.write(Buffer.concat([binaryFrame("last"), close, binaryFrame("dropped")]));
    expect(await owner.end()).toEqual({ code: 1000, text: "bye" });
    expect(owner.frames.map(String)).toEqual(["last"]);
    await eventually(() => state.isEnded);
  });

  test("calls a connection lost that ends without a close frame", async () => {
    const { socket, owner } = await raw();
    socket.write(Buffer.from([2, 0, 0]));
    socket.end();
    expect((await owner.end()).code).toBe(1006);
  });

  test("survives a reset with data queued", async () => {
    const { socket, owner } = await raw(testOptions({ unsentBytesMax: 64 * 1024 * 1024 }));
    socket.pause();
    for (let i = 0; i < 60; i++) owner.connection.send(Buffer.alloc(500_000));
    await turn(3);
    expect(owner.connection.unsentBytes).toBeGreaterThan(0);
    socket.resetAndDestroy();
    expect((await owner.end()).code).toBe(1006);
    expect(owner.connection.unsentBytes).toBe(0);
  });

  test("resumes after partial writes when a slow reader drains", async () => {
    const { socket, owner, bytes } = await raw(testOptions({ unsentBytesMax: 64 * 1024 * 1024 }));
    socket.pause();
    for (let i = 0; i < 40; i++) owner.connection.send(Buffer.alloc(500_000, i));
    await turn(3);
    expect(owner.connection.unsentBytes).toBeGreaterThan(0);
    owner.connection.close(closeKicked);
    socket.resume();
    await owner.end();
    const expected = Array.from({ length: 40 }, (_, i) => binaryFrame(Buffer.alloc(500_000, i)));
    expect(bytes().equals(Buffer.concat([...expected, closeFrame(closeKicked)]))).toBe(true);
  });

  test("takes a frame behind a large answer that leaves in pieces, and does not call its reader slow", async () => {
    const options = testOptions({ unsentBytesMax: 256 * 1024, sentFrameBytesMax: 8 * 1024 * 1024 });
    const { owner, socket } = await raw(options);
    let received = 0;
    socket.on("data", (chunk) => (received += chunk.length));
    const answer = 2 * 1024 * 1024;
    expect(owner.connection.send(Buffer.alloc(answer))).toBe(true);
    await turn();
    expect(owner.connection.send(Buffer.alloc(1_000))).toBe(true);
    await eventually(() => received === answer + 1_000 + 2 * frameHeaderBytes);
    expect(options.flusher.queues.buffers.takenBytes).toBe(0);
  });

  test("gives up on a peer that takes no byte for writeWaitMs while data wait, with 1013", async () => {
    const options = testOptions({ unsentBytesMax: 64 * 1024 * 1024, writeWaitMs: 300 });
    const { socket, owner } = await raw(options);
    socket.pause();
    for (let i = 0; i < 60; i++) owner.connection.send(Buffer.alloc(500_000));
    for (let before = 0; before !== owner.connection.unsentBytes;) {
      before = owner.connection.unsentBytes;
      await turn(3);
    }
    options.wheel.advance(290);
    await turn(3);
    expect(owner.connection.isOpen).toBe(true);
    options.wheel.advance(50);
    expect((await owner.end()).code).toBe(1013);
  });

  test("gives up on a peer that takes no byte after close, within writeWaitMs", async () => {
    const options = testOptions({ unsentBytesMax: 64 * 1024 * 1024, writeWaitMs: 300 });
    const { socket, owner } = await raw(options);
    socket.pause();
    for (let i = 0; i < 60; i++) owner.connection.send(Buffer.alloc(500_000));
    owner.connection.close(closeKicked);
    await turn(3);
    expect(owner.reasons).toEqual([]);
    options.wheel.advance(330);
    expect(await owner.end()).toEqual(closeKicked);
  });

  test("gives up on a peer that was asked to go and keeps its side open", async () => {
    const options = testOptions({ writeWaitMs: 300 });
    const { owner, state } = await raw(options, true);
    owner.connection.close(closeKicked);
    await eventually(() => state.isEnded);
    expect(owner.reasons).toEqual([]);
    options.wheel.advance(330);
    expect(await owner.end()).toEqual(closeKicked);
  });

  test("bounds the pongs that wait for a peer that only pings", async () => {
    const { socket, owner } = await raw(testOptions({ unsentBytesMax: 5_000, writeWaitMs: 300 }));
    socket.pause();
    const pings = Buffer.concat(Array.from({ length: 20_000 }, () => pingFrame));
    socket.write(pings);
    socket.resume();
    expect((await owner.end()).code).toBe(1013);
  });

  test("knows the peer's address and says where it listens", async () => {
    const { owner, server } = await raw();
    expect(owner.connection.remoteAddress).toBe("127.0.0.1");
    expect(server.address).toMatch(/^127\.0\.0\.1:[1-9][0-9]*$/);
  });

  test("shares a port when every listener asks for it", async () => {
    const acceptor = { accept: () => closeNormal };
    const first = listenTcp(loopback, acceptor, testOptions(), true);
    servers.push(first);
    servers.push(listenTcp({ host: "127.0.0.1", port: portOf(first) }, acceptor, testOptions(), true));
    expect(() => listenTcp({ host: "127.0.0.1", port: portOf(first) }, acceptor, testOptions())).toThrow();
  });

  test("drops a connection whose peer has reset it before it was accepted, and asks no acceptor", async () => {
    const asked: Recording[] = [];
    const options = testOptions();
    const server = listenTcp(loopback, recordingAcceptor(asked), options);
    servers.push(server);
    // This process accepts when this turn has ended.
    for (let count = 0; count < 20; count++) new RawTcp(portOf(server), "127.1.2.3").reset();
    await eventually(() => options.observer.gone === 20);
    expect(asked).toEqual([]);
    const socket = createConnection({ host: "127.0.0.1", port: portOf(server) });
    sockets.push(socket);
    socket.write(binaryFrame("hello"));
    await eventually(() => asked.length === 1);
    await asked[0]?.framesReach(1);
    expect(options.observer.bugs).toEqual([]);
  });

  test("ends the connection of a bug at its opening, and at its peer's end, and takes the next one", async () => {
    const bug = new Error("a bug");
    const proxies = new TrustedProxies(undefined, silentLog, systemClock);
    const options = testOptions({ proxies });
    const { server, owner, socket } = await raw(options);
    proxies.trusts = () => {
      Reflect.deleteProperty(proxies, "trusts");
      throw bug;
    };
    const ended = createConnection({ host: "127.0.0.1", port: portOf(server) });
    sockets.push(ended);
    ended.on("error", () => {});
    await new Promise((resolve) => ended.on("close", resolve));
    expect(options.observer.bugs).toEqual([bug]);
    options.wheel.arm = () => {
      Reflect.deleteProperty(options.wheel, "arm");
      throw bug;
    };
    socket.end();
    await owner.end();
    expect(options.observer.bugs).toEqual([bug, bug]);
    const next = createConnection({ host: "127.0.0.1", port: portOf(server) });
    sockets.push(next);
    await eventually(() => next.readyState === "open");
    next.write(binaryFrame("hello"));
    await eventually(() => options.observer.in > 0);
  });
});

describe("dialling over TCP", () => {
  test("rejects with the address when nobody listens", async () => {
    const server = listenTcp(loopback, { accept: () => closeNormal }, testOptions());
    const port = portOf(server);
    await server.close(closeNormal);
    const dialled = dialTcp({ host: "127.0.0.1", port }, (end) => new Recording(end), testOptions());
    await expect(dialled).rejects.toThrow(`cannot connect to 127.0.0.1:${port}`);
  });

  test("rejects, and ends the connection, when a bug keeps the owner from being made", async () => {
    const accepted: Recording[] = [];
    const server = listenTcp(loopback, recordingAcceptor(accepted), testOptions());
    const bug = new Error("a bug");
    const options = testOptions();
    const dialled = dialTcp(
      { host: "127.0.0.1", port: portOf(server) },
      () => {
        throw bug;
      },
      options,
    );
    await expect(dialled).rejects.toThrow("cannot connect");
    expect(options.observer.bugs).toEqual([bug]);
    await eventually(() => accepted.length === 1);
    await accepted[0]?.end();
    await server.close(closeNormal);
  });

  test("ends the dialled connection of a bug in its frame handler alone", async () => {
    const accepted: Recording[] = [];
    const server = listenTcp(loopback, recordingAcceptor(accepted), testOptions());
    const bug = new Error("a bug");
    const options = testOptions();
    const owners: Recording[] = [];
    for (let count = 0; count < 2; count++) {
      await dialTcp(
        { host: "127.0.0.1", port: portOf(server) },
        (connection) => {
          const owner = new Recording(connection);
          owners.push(owner);
          return owner;
        },
        options,
      );
    }
    const [broken, sound] = owners;
    if (broken === undefined || sound === undefined) throw new Error("two were dialled");
    broken.onFrame = () => {
      throw bug;
    };
    await eventually(() => accepted.length === 2);
    for (const { connection } of accepted) connection.send(Buffer.from("hello"));
    await broken.end();
    await sound.framesReach(1);
    expect(sound.connection.isOpen).toBe(true);
    expect(options.observer.bugs).toEqual([bug]);
    await server.close(closeNormal);
  });
});

import { afterEach, describe, expect, test } from "bun:test";
import { systemClock } from "../../src/base/clock.ts";
import { createConnection, type Socket } from "node:net";
import { silentLog } from "../../src/base/log.ts";
import type { Server } from "../../src/transport/transport.ts";
import { TrustedProxies } from "../../src/transport/trusted-proxies.ts";
import { listenWebSocket } from "../../src/transport/websocket.ts";
import { closeKicked, closeNormal, type CloseReason } from "../../src/wire/close-reason.ts";
import { RawTcp } from "../support/raw-tcp.ts";
import { eventually, type Recording, recordingAcceptor, type TestOptions, testOptions, turn } from "./recording.ts";
import type { TestClient } from "./stage.ts";
import { describeTransport } from "./suite.ts";

const loopback = { host: "127.0.0.1", port: 0 };

/** The platform's own WebSocket as a client of the suite. */
class BrowserClient implements TestClient {
  readonly frames: Buffer[] = [];
  readonly reasons: CloseReason[] = [];
  readonly socket: WebSocket;
  readonly opened: Promise<void>;

  constructor(url: string) {
    this.socket = new WebSocket(url);
    this.socket.binaryType = "arraybuffer";
    this.socket.addEventListener("message", (event: MessageEvent<unknown>) => {
      if (!(event.data instanceof ArrayBuffer)) throw new Error("only binary messages are sent");
      this.frames.push(Buffer.from(event.data));
    });
    this.socket.addEventListener("close", (event) => this.reasons.push({ code: event.code, text: event.reason }));
    this.opened = new Promise((resolve, reject) => {
      this.socket.addEventListener("open", () => resolve());
      this.socket.addEventListener("error", () => reject(new Error("no WebSocket there")));
    });
    this.opened.catch(() => {});
  }

  async framesReach(count: number): Promise<void> {
    await eventually(() => this.frames.length >= count);
  }

  async end(): Promise<CloseReason> {
    await eventually(() => this.reasons.length > 0);
    const [reason] = this.reasons;
    if (reason === undefined) throw new Error("it ended");
    return reason;
  }

  send(payload: Uint8Array): void {
    this.socket.send(Uint8Array.from(payload));
  }

  close(reason: CloseReason): void {
    this.socket.close(reason.code, reason.text);
  }
}

describeTransport("WebSocket", () => ({
  listen: (acceptor, options) => listenWebSocket(loopback, acceptor, options),
  dial: async (server) => {
    const client = new BrowserClient(`ws://${server.address}/any/path`);
    await client.opened;
    return client;
  },
}));

const portOf = (server: Server): number => Number(server.address.slice(server.address.lastIndexOf(":") + 1));

const upgrade =
  "GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/** A client's frame, masked with zeros. */
function maskedFrame(firstByte: number, payload: Buffer): Buffer {
  if (payload.length > 125) throw new Error("short frames only");
  return Buffer.concat([Buffer.from([firstByte, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}

describe("a WebSocket server", () => {
  const servers: Server[] = [];
  const sockets: Socket[] = [];

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await Promise.all(servers.splice(0).map((server) => server.close(closeNormal)));
  });

  function serve(options: TestOptions = testOptions()) {
    const accepted: Recording[] = [];
    const server = listenWebSocket(loopback, recordingAcceptor(accepted), options);
    servers.push(server);
    const owner = async (): Promise<Recording> => {
      await eventually(() => accepted.length > 0);
      const [first] = accepted;
      if (first === undefined) throw new Error("one was accepted");
      return first;
    };
    return { server, owner, options };
  }

  async function raw(options?: TestOptions) {
    const { server, owner } = serve(options);
    const port = Number(server.address.slice(server.address.lastIndexOf(":") + 1));
    const socket = createConnection({ host: "127.0.0.1", port, noDelay: true });
    sockets.push(socket);
    const received: Buffer[] = [];
    socket.on("data", (chunk) => received.push(typeof chunk === "string" ? Buffer.from(chunk) : chunk));
    socket.on("error", () => {});
    socket.write(upgrade);
    const accepted = await owner();
    await eventually(() => Buffer.concat(received).includes("\r\n\r\n"));
    const bytes = (): Buffer => {
      const all = Buffer.concat(received);
      return all.subarray(all.indexOf("\r\n\r\n") + 4);
    };
    return { socket, owner: accepted, bytes };
  }

  test("answers a text message with 1002 and counts it", async () => {
    const { server, owner, options } = serve();
    const client = new BrowserClient(`ws://${server.address}/`);
    await client.opened;
    client.socket.send("hello");
    expect((await client.end()).code).toBe(1002);
    expect((await (await owner()).end()).code).toBe(1002);
    expect((await owner()).frames).toEqual([]);
    expect(options.observer.faults).toEqual(["text-message"]);
  });

  test("answers a message that is too large with 1009 and counts it", async () => {
    const { server, owner, options } = serve(testOptions({ frameBytesMax: 1_000 }));
    const client = new BrowserClient(`ws://${server.address}/`);
    await client.opened;
    client.send(Buffer.alloc(1_000));
    await (await owner()).framesReach(1);
    client.send(Buffer.alloc(1_001));
    expect((await client.end()).code).toBe(1009);
    expect((await (await owner()).end()).code).toBe(1009);
    expect(options.observer.faults).toEqual(["frame-too-large"]);
  });

  test("refuses a declared length of 2^62 without waiting for it", async () => {
    const { socket, owner } = await raw();
    socket.write(Buffer.from([0x82, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
    expect((await owner.end()).code).toBe(1009);
  });

  test("reads a message in fragments with a ping between, and frames byte by byte", async () => {
    const { socket, owner, bytes } = await raw();
    const stream = Buffer.concat([
      maskedFrame(0x02, Buffer.from("frag")),
      maskedFrame(0x89, Buffer.from("p")),
      maskedFrame(0x80, Buffer.from("ments")),
      maskedFrame(0x82, Buffer.alloc(0)),
      maskedFrame(0x82, Buffer.from("whole")),
    ]);
    for (const byte of stream) {
      socket.write(Buffer.from([byte]));
      await turn();
    }
    await owner.framesReach(2);
    expect(owner.frames.map(String)).toEqual(["fragments", "whole"]);
    await eventually(() => bytes().length >= 3);
    expect([...bytes()]).toEqual([0x8a, 1, 0x70]);
  });

  test("sends nothing by itself to a silent client, whole binary messages to others, in one write a turn", async () => {
    const { socket, owner, bytes } = await raw();
    const reads: number[] = [];
    socket.on("data", (chunk) => reads.push(chunk.length));
    for (let i = 0; i < 50; i++) owner.connection.send(Buffer.alloc(98, i));
    await eventually(() => reads.length > 0);
    expect(reads).toEqual([5_000]);
    expect([...bytes().subarray(0, 3)]).toEqual([0x82, 98, 0]);
  });

  test("ends with 1002 a peer that does not mask its frames", async () => {
    const options = testOptions();
    const { socket, owner } = await raw(options);
    socket.write(Buffer.from([0x83, 0x01, 0x41]));
    const { code } = await owner.end();
    expect(code).toBe(1002);
    expect(options.observer.faults).toEqual(["websocket"]);
  });

  test("drops a request whose peer has reset the connection, and asks no acceptor", async () => {
    const { server, options } = serve();
    const port = Number(server.address.slice(server.address.lastIndexOf(":") + 1));
    // This process accepts and reads when this turn has ended.
    for (let count = 0; count < 20; count++) {
      const peer = new RawTcp(port, "127.1.2.3");
      peer.write(Buffer.from(upgrade));
      peer.reset();
    }
    const client = new BrowserClient(`ws://${server.address}/`);
    await client.opened;
    expect(options.observer.bugs).toEqual([]);
    expect(options.observer.gone).toBe(20);
  });

  test("answers a request that meets a bug with 500 and nothing of it, and takes the next one", async () => {
    const bug = new Error("the secret reason");
    const proxies = new TrustedProxies(undefined, silentLog, systemClock);
    proxies.clientOf = () => {
      Reflect.deleteProperty(proxies, "clientOf");
      throw bug;
    };
    const { server, owner, options } = serve(testOptions({ proxies }));
    const response = await fetch(`http://${server.address}/`);
    expect(response.status).toBe(500);
    expect(await response.text()).toBe("");
    const client = new BrowserClient(`ws://${server.address}/`);
    await client.opened;
    client.send(Buffer.from("hello"));
    await (await owner()).framesReach(1);
    expect(options.observer.bugs).toEqual([bug]);
  });

  test("ends only the connection whose ping, pong or text message meets a bug", async () => {
    for (const frame of [
      maskedFrame(0x89, Buffer.from("p")),
      maskedFrame(0x8a, Buffer.from("p")),
      maskedFrame(0x81, Buffer.from("t")),
    ]) {
      const options = testOptions();
      const { socket, owner } = await raw(options);
      const bug = new Error("a bug");
      options.observer.bytesIn = () => {
        Reflect.deleteProperty(options.observer, "bytesIn");
        throw bug;
      };
      socket.write(frame);
      expect((await owner.end()).code).toBe(1006);
      expect(options.observer.bugs).toEqual([bug]);
    }
  });

  test("ends only the connection that meets a bug when it drains", async () => {
    const options = testOptions({ unsentBytesMax: 64 * 1024 * 1024 });
    const { socket, owner } = await raw(options);
    socket.pause();
    for (let i = 0; i < 80; i++) owner.connection.send(Buffer.alloc(250_000, i));
    await turn(3);
    expect(owner.connection.unsentBytes).toBeGreaterThan(1_000_000);
    const bug = new Error("a bug");
    options.observer.bytesOut = () => {
      Reflect.deleteProperty(options.observer, "bytesOut");
      throw bug;
    };
    socket.resume();
    expect((await owner.end()).code).toBe(1006);
    expect(options.observer.bugs).toEqual([bug]);
    expect(owner.connection.unsentBytes).toBe(0);
  });

  test("reads a request that comes byte by byte, and the frames that come with its end", async () => {
    const { server, owner } = serve();
    const socket = createConnection({ host: "127.0.0.1", port: portOf(server), noDelay: true });
    sockets.push(socket);
    socket.resume();
    const bytes = Buffer.from(upgrade);
    for (const byte of bytes.subarray(0, -1)) {
      socket.write(Buffer.from([byte]));
      await turn();
    }
    socket.write(Buffer.concat([bytes.subarray(-1), maskedFrame(0x82, Buffer.from("early"))]));
    await (await owner()).framesReach(1);
    expect((await owner()).frames.map(String)).toEqual(["early"]);
  });

  test("refuses a request's head of more than 16 KiB with 431, and asks no acceptor", async () => {
    const accepted: Recording[] = [];
    const server = listenWebSocket(loopback, recordingAcceptor(accepted), testOptions());
    servers.push(server);
    const address = "x".repeat(1_000);
    for (const [count, status] of [
      [15, "101"],
      [17, "431"],
    ] as const) {
      const socket = createConnection({ host: "127.0.0.1", port: portOf(server) });
      sockets.push(socket);
      const answered = new Promise<string>((resolve) => socket.once("data", (chunk) => resolve(chunk.toString())));
      const forwarded = Array.from({ length: count }, () => `X-Forwarded-For: ${address}\r\n`).join("");
      socket.write(upgrade.replace("\r\n\r\n", `\r\n${forwarded}\r\n`));
      expect((await answered).split(" ")[1]).toBe(status);
    }
    expect(accepted).toHaveLength(1);
  });

  test("tells a plain HTTP request what is spoken here", async () => {
    const { server } = serve();
    const response = await fetch(`http://${server.address}/`);
    expect(response.status).toBe(426);
    expect(await response.text()).toContain("WebSocket");
  });

  test("resumes when a slow reader drains, and counts what the platform holds back", async () => {
    const options = testOptions({ unsentBytesMax: 64 * 1024 * 1024 });
    const { socket, owner, bytes } = await raw(options);
    socket.pause();
    for (let i = 0; i < 80; i++) owner.connection.send(Buffer.alloc(250_000, i));
    await turn(3);
    expect(owner.connection.unsentBytes).toBeGreaterThan(1_000_000);
    expect(options.flusher.heldBytes).toBeGreaterThan(0);
    owner.connection.close(closeKicked);
    expect(owner.reasons).toEqual([]);
    socket.resume();
    await owner.end();
    expect(options.flusher.heldBytes).toBe(0);
    const frameBytes = 250_000 + 10;
    const closeBytes = 4 + closeKicked.text.length;
    await eventually(() => bytes().length >= 80 * frameBytes + closeBytes);
    const all = bytes();
    for (let i = 0; i < 80; i++) {
      expect(all[i * frameBytes]).toBe(0x82);
      expect(all[i * frameBytes + 10]).toBe(i);
      expect(all[(i + 1) * frameBytes - 1]).toBe(i);
    }
    expect(all.readUInt16BE(80 * frameBytes + 2)).toBe(closeKicked.code);
  });

  test("bounds what waits for a client that stops reading: 1013", async () => {
    const options = testOptions({ unsentBytesMax: 200_000, writeWaitMs: 300 });
    const { socket, owner } = await raw(options);
    socket.pause();
    for (let i = 0; i < 100_000 && owner.connection.isOpen; i++) {
      owner.connection.send(Buffer.alloc(50_000));
      expect(owner.connection.unsentBytes).toBeLessThanOrEqual(200_000);
      if (i % 3 === 0) await turn();
    }
    expect(owner.connection.isOpen).toBe(false);
    options.wheel.advance(400);
    expect((await owner.end()).code).toBe(1013);
  });

  test("gives up on a peer that takes no byte for writeWaitMs while data wait, and after close", async () => {
    for (const isClosed of [false, true]) {
      const options = testOptions({ unsentBytesMax: 64 * 1024 * 1024, writeWaitMs: 300 });
      const { socket, owner } = await raw(options);
      socket.pause();
      for (let i = 0; i < 80; i++) owner.connection.send(Buffer.alloc(250_000));
      if (isClosed) owner.connection.close(closeKicked);
      await turn(3);
      options.wheel.advance(290);
      await turn(3);
      expect(owner.reasons).toEqual([]);
      options.wheel.advance(50);
      expect((await owner.end()).code).toBe(isClosed ? closeKicked.code : 1013);
    }
  });
});

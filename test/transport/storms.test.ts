// Connections that come all at once: each turn of the event loop takes in as many as fit its share, and none is lost.

import { afterEach, describe, expect, test } from "bun:test";
import { createConnection, type Socket } from "node:net";
import { TurnShare } from "../../src/base/turn-share.ts";
import { Admission } from "../../src/transport/admission.ts";
import { listenTcp } from "../../src/transport/tcp.ts";
import type { Server } from "../../src/transport/transport.ts";
import { listenWebSocket } from "../../src/transport/websocket.ts";
import { closeNormal } from "../../src/wire/close-reason.ts";
import { frameHeaderBytes, writeFrameHeader } from "../../src/wire/frame-writer.ts";
import { OpCode } from "../../src/wire/opcode.ts";
import { upgradeRequest } from "../support/proxy-protocol.ts";
import { clientFrame } from "../support/websocket-frames.ts";
import { eventually, Recording, type TestOptions, testOptions } from "./recording.ts";

const payload = Buffer.from("one that came with many");
const dialects = [
  { name: "TCP", listen: listenTcp, opening: tcpFrame(), then: Buffer.alloc(0) },
  {
    name: "WebSocket",
    listen: listenWebSocket,
    opening: upgradeRequest(),
    then: clientFrame({ opcode: OpCode.Binary, payload }, 0x0102_0304),
  },
];

function tcpFrame(): Buffer {
  const head = Buffer.alloc(frameHeaderBytes);
  writeFrameHeader(head, 0, OpCode.Binary, payload.length);
  return Buffer.concat([head, payload]);
}

const servers: Server[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => server.close(closeNormal)));
});

/** A listener that spends a turn's whole share on each connection; the test ends its turns. */
function besieged({ listen, opening }: (typeof dialects)[number], overrides: Partial<TestOptions> = {}) {
  let nowMs = 0;
  const turns: (() => void)[] = [];
  const unidentifiedShare = new TurnShare(
    1,
    Infinity,
    { monotonicMs: () => nowMs },
    (action) => void turns.push(action),
  );
  const accepted: Recording[] = [];
  const acceptor = {
    accept(connection: Recording["connection"]) {
      nowMs++;
      const owner = new Recording(connection);
      accepted.push(owner);
      return owner;
    },
  };
  const options = testOptions({ unidentifiedShare, ...overrides });
  const server = listen({ host: "127.0.0.1", port: 0 }, acceptor, options);
  servers.push(server);
  const port = Number(server.address.slice(server.address.lastIndexOf(":") + 1));
  const connect = (): Socket => {
    const socket = createConnection({ host: "127.0.0.1", port, noDelay: true });
    sockets.push(socket);
    socket.on("error", () => {});
    socket.write(opening);
    return socket;
  };
  const next = (): void => {
    const [due] = turns.splice(0, 1);
    due?.();
  };
  return { server, options, accepted, connect, next };
}

for (const dialect of dialects) {
  describe(`connections that come at once over ${dialect.name}`, () => {
    test("are taken in turn by turn, with what they have sent", async () => {
      const { accepted, connect, next } = besieged(dialect);
      const clients = Array.from({ length: 20 }, connect);
      await eventually(() => accepted.length > 0);
      await Bun.sleep(50);
      expect(accepted.length).toBe(1);
      while (accepted.length < clients.length) {
        const before = accepted.length;
        next();
        expect(accepted.length - before).toBeLessThanOrEqual(1);
        await Bun.sleep(1);
      }
      for (const client of clients) client.write(dialect.then);
      await Promise.all(accepted.map((owner) => owner.framesReach(1)));
      expect(accepted.every(({ frames: [first] }) => first?.equals(payload))).toBe(true);
    });

    test("leave nothing behind when they end while they wait", async () => {
      const { server, accepted, connect, next } = besieged(dialect);
      const [first, ...others] = Array.from({ length: 6 }, connect);
      await eventually(() => accepted.length > 0);
      await Bun.sleep(50);
      for (const other of others) other.destroy();
      first?.destroy();
      await Bun.sleep(50);
      for (let turns = 0; turns < 20; turns++) {
        next();
        await Bun.sleep(1);
      }
      await eventually(() => accepted.every(({ reasons }) => reasons.length === 1));
      expect([...server.connections]).toEqual([]);
      // Those that come later are served as before.
      const before = accepted.length;
      connect();
      while (accepted.length === before) {
        next();
        await Bun.sleep(1);
      }
    });

    test("end with a listener that closes while they wait, and are not taken in after it", async () => {
      const { server, accepted, connect, next } = besieged(dialect);
      const clients = Array.from({ length: 6 }, connect);
      let ended = 0;
      for (const client of clients) client.resume().on("close", () => ended++);
      await eventually(() => accepted.length > 0);
      await Bun.sleep(50);
      void server.close(closeNormal);
      await eventually(() => ended === 6);
      for (let turns = 0; turns < 20; turns++) {
        next();
        await Bun.sleep(1);
      }
      expect([accepted.length, Array.from(server.connections)]).toEqual([1, []]);
    });
  });
}

test("requests for a WebSocket whose peers left while they waited are not answered, and take no turn", async () => {
  const [, webSocket] = dialects;
  if (webSocket === undefined) throw new Error("there is WebSocket");
  const { options, accepted, connect, next } = besieged(webSocket);
  const [, ...others] = Array.from({ length: 6 }, connect);
  await eventually(() => accepted.length > 0);
  await Bun.sleep(50);
  for (const other of others) other.destroy();
  await Bun.sleep(50);
  next();
  expect([accepted.length, options.observer.gone]).toEqual([1, 5]);
});

test("no more connections wait over TCP than there are descriptors for", async () => {
  const met: string[] = [];
  const admission = new Admission({
    connectionsMax: 10,
    overflowMax: 2,
    unidentifiedMax: 100,
    unidentifiedPerAddressMax: 100,
    quotaOf: () => undefined,
    met: (bound, address) => void met.push(`${bound} ${address}`),
  });
  const [tcp] = dialects;
  if (tcp === undefined) throw new Error("there is TCP");
  const { server, accepted, connect, next } = besieged(tcp, { admission });
  let ended = 0;
  for (let clients = 0; clients < 30; clients++)
    connect()
      .resume()
      .on("close", () => ended++);
  // Two wait; the oldest of the others were let in, and ended for those that came.
  await eventually(() => accepted.length === 28);
  await eventually(() => ended === 18);
  expect(met).toEqual(Array.from({ length: 18 }, () => "connections 127.0.0.1"));
  while (accepted.length < 30) {
    next();
    await Bun.sleep(1);
  }
  await eventually(() => ended === 20);
  expect(Array.from(server.connections).length).toBe(10);
});

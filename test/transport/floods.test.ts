// Peers that send as fast as they can: what they have us work off in a turn is bounded, and what follows a close is not
// read.

import { afterEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { connect as connectSecure } from "node:tls";
import type { TimerWheel } from "../../src/base/timer-wheel.ts";
import { lingerMsMax } from "../../src/transport/linger-watch.ts";
import { listenTcp } from "../../src/transport/tcp.ts";
import type { Server } from "../../src/transport/transport.ts";
import { listenWebSocket } from "../../src/transport/websocket.ts";
import { closeKicked, closeNormal } from "../../src/wire/close-reason.ts";
import { frameHeaderBytes, writeFrameHeader } from "../../src/wire/frame-writer.ts";
import { OpCode } from "../../src/wire/opcode.ts";
import { TestAuthority } from "../support/certificates.ts";
import { upgradeRequest } from "../support/proxy-protocol.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { clientFrame } from "../support/websocket-frames.ts";
import { eventually, type Recording, recordingAcceptor, type TestOptions, testOptions, turn } from "./recording.ts";
import { contextOf } from "./tls/tls-stage.ts";

const authority = new TestAuthority(temporaryFolder("roost-floods-"));
const tls = contextOf(authority.leaf());
const ca = readFileSync(authority.root, "utf8");
const loopback = { host: "127.0.0.1", port: 0 };
const mib = 1024 * 1024;
const payload = Buffer.alloc(30, 1);

function tcpFrame(bytes: Buffer): Buffer {
  const head = Buffer.alloc(frameHeaderBytes);
  writeFrameHeader(head, 0, OpCode.Binary, bytes.length);
  return Buffer.concat([head, bytes]);
}

const plainDialects = [
  { name: "TCP", listen: listenTcp, greeting: Buffer.alloc(0), frame: tcpFrame(payload) },
  {
    name: "WebSocket",
    listen: listenWebSocket,
    greeting: upgradeRequest(),
    frame: clientFrame({ opcode: OpCode.Binary, payload }, 0x0102_0304),
  },
];
const dialects = [false, true].flatMap((isSecure) =>
  plainDialects.map((dialect) => ({ ...dialect, isSecure, name: `${dialect.name}${isSecure ? " with TLS" : ""}` })),
);

const servers: Server[] = [];
const wheels: TimerWheel[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  const closed = Promise.all(servers.splice(0).map((server) => server.close(closeNormal)));
  // Connections that are not read any more learn of their end by their deadline.
  await turn(3);
  for (const wheel of wheels.splice(0)) wheel.advance(lingerMsMax + 100);
  await closed;
});

/** A client that reads nothing, and the owner of its connection. */
async function deaf({ listen, greeting, isSecure }: (typeof dialects)[number], options: TestOptions) {
  const accepted: Recording[] = [];
  const server = listen(loopback, recordingAcceptor(accepted), isSecure ? { ...options, tls } : options);
  servers.push(server);
  wheels.push(options.wheel);
  // The listener's buffers are bounded by the time of the next turns.
  await Bun.sleep(20);
  const port = Number(server.address.slice(server.address.lastIndexOf(":") + 1));
  const to = { host: "127.0.0.1", port, noDelay: true };
  const socket = isSecure ? connectSecure({ ...to, ca }) : createConnection(to);
  sockets.push(socket);
  let isCut = false;
  socket.on("error", () => (isCut = true));
  socket.on("close", () => (isCut = true));
  if (isSecure) await new Promise((resolve) => socket.once("secureConnect", resolve));
  socket.write(greeting);
  await eventually(() => accepted.length === 1);
  socket.pause();
  const [owner] = accepted;
  if (owner === undefined) throw new Error("one was accepted");
  return { socket, owner, isCut: () => isCut };
}

/** Writes `bytes` again and again while they are taken; returns how many bytes were, when the peer takes no more. */
async function flood(socket: Socket, bytes: Buffer, isCut: () => boolean, bytesMax: number): Promise<number> {
  const fruitlessMax = 200;
  const taken = (): number => socket.bytesWritten - socket.writableLength;
  let before = taken();
  for (let fruitless = 0; fruitless < fruitlessMax && !isCut() && taken() < bytesMax; fruitless++) {
    if (socket.writableLength === 0) socket.write(bytes);
    await turn();
    if (taken() === before) continue;
    fruitless = 0;
    before = taken();
  }
  return taken();
}

test.each(dialects)("after a close over $name no more is read than what was on its way", async (dialect) => {
  const options = testOptions();
  const { socket, owner, isCut } = await deaf(dialect, options);
  owner.connection.close(closeKicked);
  const bytesMax = 512 * mib;
  const frames = Buffer.concat(Array.from({ length: 2_000 }, () => dialect.frame));
  expect(await flood(socket, frames, isCut, bytesMax)).toBeLessThan(bytesMax);
  expect(owner.frames).toEqual([]);
  options.wheel.advance(options.writeWaitMs + lingerMsMax);
  await eventually(() => socket.destroyed || isCut());
});

test.each(dialects)("what a connection over $name hands over in one turn is bounded", async (dialect) => {
  const receiveBufferBytes = 32 * 1024;
  const { socket, owner, isCut } = await deaf(dialect, testOptions({ receiveBufferBytes }));
  let inTurn = 0;
  let most = 0;
  owner.onFrame = () => {
    if (inTurn++ === 0) setImmediate(() => (inTurn = 0));
    most = Math.max(most, inTurn);
  };
  const frames = Buffer.concat(Array.from({ length: 20_000 }, () => dialect.frame));
  await flood(socket, frames, isCut, 8 * mib);
  // The kernel's own share is in what it takes, and its packets may go a little beyond.
  expect(most * dialect.frame.length).toBeLessThan(4 * receiveBufferBytes);
  expect(most).toBeGreaterThan(0);
});

// The limits of the frames of one client, each at its value and one above it, over real sockets of both transports.

import { create, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "bun:test";
import type { Socket } from "node:net";
import type { LimitValues } from "../../src/base/limits/table.ts";
import { ChannelState } from "../../src/roles/gateway/channel-state.ts";
import { idleFrameCount } from "../../src/transport/connection-core.ts";
import { CloseCode, closeNormal } from "../../src/wire/close-reason.ts";
import { Command } from "../../src/wire/commands.ts";
import { LoginReqSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import { OpCode } from "../../src/wire/opcode.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";
import { bound } from "../support/bounds.ts";
import { loneGateway } from "../support/lone-gateway.ts";
import { eventually, type Recording, turn } from "../transport/recording.ts";
import { type Dialect, tcp, dialects, serve, onEach } from "./client-bounds-support.ts";
import { endServers } from "./client-bounds-support.ts";

endServers();

const empty = Buffer.alloc(0);

/** Frames that ask for nothing. */
const idleFrames = (dialect: Dialect): Buffer[] =>
  [OpCode.Ping, OpCode.Pong, OpCode.Binary].map((opcode) => dialect.frame(opcode, empty));

/** The connection is open, and what it was sent before has been read. */
async function isUnharmed({ socket, owner }: { socket: Socket; owner: Recording }, dialect: Dialect): Promise<void> {
  owner.onFrame = () => {};
  const count = owner.frames.length + 1;
  socket.write(dialect.frame(OpCode.Binary, Buffer.alloc(30, 1)));
  await owner.framesReach(count);
  expect(owner.connection.isOpen).toBe(true);
}

const repeated = (frame: Buffer, count: number): Buffer => Buffer.concat(Array.from({ length: count }, () => frame));

/** Room for one packet and this many frames that ask for nothing. */
const framesFor = (idle: number, perSecond: number) => ({
  framesAtOnce: idle * idleFrameCount + 1,
  framesPerSecond: perSecond * idleFrameCount,
});

bound("framesAtOnce", {
  at: onEach(async (dialect) => {
    for (const frame of idleFrames(dialect)) {
      const { connect } = serve(dialect, framesFor(10, 1));
      const client = await connect();
      client.socket.write(repeated(frame, 10));
      await isUnharmed(client, dialect);
    }
    const { connect } = serve(dialect, framesFor(10, 1));
    const client = await connect();
    client.socket.write(repeated(dialect.frame(OpCode.Binary, Buffer.alloc(30, 1)), 10 * idleFrameCount));
    await client.owner.framesReach(10 * idleFrameCount);
    await isUnharmed(client, dialect);
  }),
  above: onEach(async (dialect) => {
    for (const frame of idleFrames(dialect)) {
      const { connect, limits, options } = serve(dialect, framesFor(10, 1));
      const { socket, owner } = await connect();
      socket.write(repeated(frame, 11));
      expect((await owner.end()).code).toBe(CloseCode.Limit);
      expect(options.observer.faults).toEqual(["too-many-frames"]);
      expect(limits.reached.get("framesPerSecond")).toBe(1);
    }
    const { connect } = serve(dialect, framesFor(10, 1));
    const { socket, owner } = await connect();
    socket.write(repeated(dialect.frame(OpCode.Binary, Buffer.alloc(30, 1)), 10 * idleFrameCount + 2));
    expect((await owner.end()).code).toBe(CloseCode.Limit);
  }),
});

bound("framesPerSecond", {
  at: onEach(async (dialect) => {
    const { connect, options } = serve(dialect, framesFor(10, 3));
    const client = await connect();
    client.socket.write(repeated(dialect.frame(OpCode.Pong, empty), 10));
    await isUnharmed(client, dialect);
    options.wheel.advance(1_000);
    client.socket.write(repeated(dialect.frame(OpCode.Pong, empty), 2));
    await isUnharmed(client, dialect);
  }),
  above: onEach(async (dialect) => {
    const { connect, options } = serve(dialect, framesFor(10, 3));
    const client = await connect();
    client.socket.write(repeated(dialect.frame(OpCode.Pong, empty), 10));
    await isUnharmed(client, dialect);
    options.wheel.advance(1_000);
    client.socket.write(repeated(dialect.frame(OpCode.Pong, empty), 4));
    expect((await client.owner.end()).code).toBe(CloseCode.Limit);
  }),
});

describe("what is no request counts as a frame:", () => {
  test("reads of a few bytes over TCP, however long the frame is that they are of", async () => {
    const { connect } = serve(tcp, { framesAtOnce: 20, framesPerSecond: 5 });
    const { socket, owner } = await connect();
    for (const byte of tcp.frame(OpCode.Binary, Buffer.alloc(500, 1))) {
      if (!owner.connection.isOpen) break;
      socket.write(Buffer.from([byte]));
      await turn(3);
    }
    expect((await owner.end()).code).toBe(CloseCode.Limit);
    expect(owner.frames).toEqual([]);
  });

  test("pings of a peer that reads nothing: their pongs count as unsent, and the write deadline runs", async () => {
    for (const dialect of dialects) {
      const limit = { unsentBytes: 100_000, framesAtOnce: 20_000_000, framesPerSecond: 20_000_000 };
      const { connect, limits, options } = serve(dialect, limit);
      const { socket, owner } = await connect();
      owner.connection.identified();
      socket.pause();
      const pings = repeated(dialect.frame(OpCode.Ping, Buffer.alloc(125, 7)), 400);
      let most = 0;
      for (let round = 0; round < 2_000 && owner.connection.isOpen; round++) {
        socket.write(pings);
        await turn();
        most = Math.max(most, owner.connection.unsentBytes);
      }
      await eventually(() => !owner.connection.isOpen);
      expect(most).toBeLessThanOrEqual(100_000);
      expect(limits.reached.get("unsentBytes")).toBe(1);
      options.wheel.advance(options.writeWaitMs + 100);
      expect((await owner.end()).code).toBe(CloseCode.Overload);
    }
  });
});

/** Sends one frame and tells what comes of it: its length, or the code that ended the connection. */
async function outcome(dialect: Dialect, values: Partial<LimitValues>, bytes: number, isKnown = false) {
  const { connect, limits } = serve(dialect, values);
  const { socket, owner } = await connect();
  if (isKnown) {
    owner.connection.identified();
    owner.connection.frameBytesMax = limits.values.frameBytes;
  }
  socket.write(dialect.frame(OpCode.Binary, Buffer.alloc(bytes, 1)));
  await owner.until(() => owner.frames.length > 0 || owner.reasons.length > 0);
  return { result: owner.frames[0]?.length ?? owner.reasons[0]?.code, limits };
}

const frameLimits = { signInFrameBytes: 1_000, frameBytes: 3_000 };

bound("signInFrameBytes", {
  at: onEach(async (dialect) => {
    expect((await outcome(dialect, frameLimits, 1_000)).result).toBe(1_000);
  }),
  above: onEach(async (dialect) => {
    const { result, limits } = await outcome(dialect, frameLimits, 1_001);
    expect(result).toBe(CloseCode.TooLarge);
    expect(limits.reached.get("signInFrameBytes")).toBe(1);
  }),
});

bound("frameBytes", {
  at: onEach(async (dialect) => {
    expect((await outcome(dialect, frameLimits, 3_000, true)).result).toBe(3_000);
  }),
  above: onEach(async (dialect) => {
    const { result, limits } = await outcome(dialect, frameLimits, 3_001, true);
    expect(result).toBe(CloseCode.TooLarge);
    expect(limits.reached.get("frameBytes")).toBe(1);
  }),
});

describe("a sign-in that is under way", () => {
  /** A channel whose token is being verified, and what it does with the frames that come meanwhile. */
  function verifying(signInFrameBytes: number) {
    const { client, bounds } = loneGateway({ signInFrameBytes });
    const { channel, connection } = client("early");
    return { channel, connection, bounds };
  }

  test("keeps frames up to signInFrameBytes, and lets the transport buffer no more than what is left of it", () => {
    const { connection, bounds } = verifying(1_000);
    expect(connection.frameBytesMax).toBe(bounds.values.frameBytes);
    const { gateway, channel: fresh, connection: link } = loneGateway({ signInFrameBytes: 1_000 }).fresh();
    fresh.state = ChannelState.Verifying;
    const send = (bytes: number): void => fresh.frame(Buffer.alloc(bytes), 0, bytes);
    send(400);
    expect(link.frameBytesMax).toBe(600);
    send(600);
    expect([link.frameBytesMax, link.isOpen]).toEqual([0, true]);
    send(1);
    expect(link.reason?.code).toBe(CloseCode.TooLarge);
    expect(gateway.bounds.reached.get("signInFrameBytes")).toBe(1);
  });
});

describe("a first packet that comes when many come", () => {
  /** A channel whose first packet, which is no sign-in, meets a turn whose share is spent. */
  function queued(values: Partial<LimitValues> = {}) {
    const { gateway, channel, connection } = loneGateway(values).fresh();
    gateway.unidentifiedShare.run(() => Bun.sleepSync(5));
    const packet = Buffer.from(encodeLogicPacket({ command: Command.UserTalk, sequence: 7 }, Buffer.alloc(100)));
    const send = (): void => channel.frame(packet, 0, packet.length);
    send();
    return { channel, connection, packet, send };
  }

  test("is read in a later turn", async () => {
    const { channel, connection } = queued();
    expect([channel.state, connection.isOpen, connection.frames]).toEqual([ChannelState.Queued, true, []]);
    await turn(2);
    expect(connection.packets.map(({ header }) => [header.sequence, header.status])).toEqual([
      [7, Status.InvalidCommand],
    ]);
    expect(connection.reason?.code).toBe(CloseCode.ProtocolFault);
  });

  test("counts for what is kept of a sign-in that is under way", () => {
    const { connection, packet, send } = queued({ signInFrameBytes: 300 });
    expect(connection.frameBytesMax).toBe(300 - packet.length);
    send();
    expect(connection.isOpen).toBe(true);
    send();
    expect(connection.reason?.code).toBe(CloseCode.TooLarge);
  });

  test("counts no more when its turn has come: a sign-in may be as long as it may without a wait", async () => {
    const { gateway, channel, connection } = loneGateway({ signInFrameBytes: 300 }).fresh();
    const { bounds } = gateway;
    gateway.unidentifiedShare.run(() => Bun.sleepSync(5));
    const body = toBinary(LoginReqSchema, create(LoginReqSchema, { token: "x".repeat(200) }));
    const signIn = Buffer.from(encodeLogicPacket({ command: Command.SignIn, sequence: 1 }, body));
    channel.frame(signIn, 0, signIn.length);
    const early = Buffer.alloc(300 - signIn.length, 1);
    channel.frame(early, 0, early.length);
    expect([channel.state, connection.isOpen, connection.frameBytesMax]).toEqual([ChannelState.Queued, true, 0]);
    await turn(2);
    expect(connection.frameBytesMax).toBe(signIn.length);
    expect(bounds.reached.get("signInFrameBytes")).toBeUndefined();
  });

  test("is not looked at when the connection is being closed", async () => {
    const { channel, connection } = queued();
    connection.close(closeNormal);
    await turn(2);
    expect([channel.state, connection.frames]).toEqual([ChannelState.Queued, []]);
  });

  test("is forgotten with a connection that has ended", async () => {
    const { channel, connection } = queued();
    channel.closed(closeNormal);
    await turn(2);
    expect(connection.frames).toEqual([]);
  });
});

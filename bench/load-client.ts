// One connection of the load generator. Requests are bytes made once, in which only the sequence is patched; what a
// turn produces leaves in one write. It must outrun the server.

import { create, toBinary } from "@bufbuild/protobuf";
import { signToken } from "../src/auth/token.ts";
import { FrameReader, type FrameSink } from "../src/wire/frame-reader.ts";
import { frameHeaderBytes, parseCloseText, writeFrameHeader } from "../src/wire/frame-writer.ts";
import { Flag, LoginReqSchema, MessageReqSchema, Status } from "../src/wire/gen/pkt_pb.ts";
import { OpCode } from "../src/wire/opcode.ts";
import { encodeLogicPacket } from "../src/wire/packet.ts";
import { PacketScan, scanPacket } from "../src/wire/packet-scan.ts";
import { Command } from "../src/wire/commands.ts";
import type { Target } from "./server.ts";

const scan = new PacketScan();
/** Sequences of five varint bytes: they can be patched in place. */
const sequenceFirst = 0x1000_0000;
/** Digits of a message's number at the start of its body. */
const numberDigits = 9;

/** What a connection tells. */
export interface LoadEvents {
  /** The answer to talk `number` (counted from 0). */
  answered(number: number, status: number): void;
  /** A push with the sender's number of the message. */
  delivered(number: number): void;
  /** The connection ended before it was told to. */
  lost(reason: string): void;
}

/** A signed-in connection. */
export class LoadClient implements FrameSink {
  private readonly reader = new FrameReader(this, 16 * 1024 * 1024);
  private readonly events: LoadEvents;
  private readonly signedIn = Promise.withResolvers<void>();
  private socket: Bun.Socket | undefined;
  private isSignedIn = false;
  private isEnding = false;
  private template: Buffer = Buffer.alloc(0);
  private sequenceAt = 0;
  private numberAt = 0;
  private sent = 0;
  private outbound: Buffer = Buffer.allocUnsafeSlow(64 * 1024);
  private start = 0;
  private end = 0;
  private isScheduled = false;

  private constructor(events: LoadEvents) {
    this.events = events;
  }

  /** Connects and signs in. Rejects when either is refused. */
  static async connect(target: Target, account: string, events: LoadEvents): Promise<LoadClient> {
    const client = new LoadClient(events);
    const token = await signToken(target.secret, { account, app: target.app, ttlSeconds: 3600 });
    client.socket = await Bun.connect({
      hostname: target.tcp.host,
      port: target.tcp.port,
      socket: {
        data: (_socket, chunk) => void client.reader.push(chunk),
        drain: () => client.flush(),
        close: () => client.ended("the connection ended"),
      },
    });
    const body = toBinary(LoginReqSchema, create(LoginReqSchema, { token }));
    client.queue(framed(encodeLogicPacket({ command: Command.SignIn, sequence: 1 }, body)));
    await client.signedIn.promise;
    return client;
  }

  /** Prepares the talks that `talk` sends: to an account, of that many body bytes (at least 9). */
  prepare(dest: string, bodyBytes: number): void {
    const text = "0".repeat(numberDigits).padEnd(bodyBytes, "x");
    const body = toBinary(MessageReqSchema, create(MessageReqSchema, { type: 1, body: text }));
    const packet = encodeLogicPacket({ command: Command.UserTalk, dest, sequence: sequenceFirst }, body);
    this.template = framed(packet);
    this.numberAt = this.template.lastIndexOf("0".repeat(numberDigits));
    this.sequenceAt = this.template.indexOf(varint(sequenceFirst));
  }

  /** Sends the next talk; returns its number. */
  talk(): number {
    const number = this.sent++;
    this.template.set(varint(sequenceFirst + number), this.sequenceAt);
    this.template.write(String(number).padStart(numberDigits, "0"), this.numberAt, "latin1");
    this.queue(this.template);
    return number;
  }

  /** Ends the connection without a word. */
  disconnect(): void {
    this.isEnding = true;
    this.socket?.terminate();
  }

  binary(payload: Buffer): void {
    scanPacket(payload, scan);
    if (scan.flag === Flag.Push) {
      // MessagePush: 08 messageId (varint), 10 type, 1a body: the number stands at the body's start.
      const at = payload.indexOf(0x1a, scan.bodyStart + 3);
      const lengthBytes = (payload[at + 1] ?? 0) < 0x80 ? 1 : 2;
      this.events.delivered(
        Number(payload.toString("latin1", at + 1 + lengthBytes, at + 1 + lengthBytes + numberDigits)),
      );
    } else if (this.isSignedIn) this.events.answered(scan.sequence - sequenceFirst, scan.status);
    else if (scan.status === Status.Success) {
      this.isSignedIn = true;
      this.signedIn.resolve();
    } else this.signedIn.reject(new Error(`the sign-in was refused with status ${scan.status}`));
  }
  ping(): void {}
  pong(): void {}
  /** A close frame: the server says why it ends the connection. */
  close(payload: Buffer): void {
    const { code, text } = parseCloseText(payload);
    this.ended(`the server closed the connection: ${code} ${text}`);
  }

  private ended(reason: string): void {
    this.signedIn.reject(new Error(`${reason} before the sign-in was answered`));
    if (!this.isEnding && this.isSignedIn) this.events.lost(reason);
  }

  private queue(frame: Buffer): void {
    if (this.end + frame.length > this.outbound.length) this.makeRoom(frame.length);
    frame.copy(this.outbound, this.end);
    this.end += frame.length;
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(this.flush);
  }

  private makeRoom(bytes: number): void {
    const pending = this.end - this.start;
    const target =
      pending + bytes > this.outbound.length / 2 ? Buffer.allocUnsafeSlow(this.outbound.length * 2) : this.outbound;
    this.outbound.copy(target, 0, this.start, this.end);
    this.outbound = target;
    this.start = 0;
    this.end = pending;
  }

  private readonly flush = (): void => {
    this.isScheduled = false;
    if (this.end === this.start) return;
    const taken = this.socket?.write(this.outbound, this.start, this.end - this.start) ?? -1;
    if (taken > 0) this.start += taken;
    if (this.start === this.end) this.start = this.end = 0;
  };
}

function framed(packet: Uint8Array): Buffer {
  const frame = Buffer.alloc(frameHeaderBytes + packet.length);
  writeFrameHeader(frame, 0, OpCode.Binary, packet.length);
  frame.set(packet, frameHeaderBytes);
  return frame;
}

/** Five bytes, for numbers from 2^28 to 2^35. */
function varint(value: number): Buffer {
  const bytes = Buffer.alloc(5);
  for (let index = 0, rest = value; index < 5; index++, rest = Math.floor(rest / 128)) {
    bytes[index] = (rest % 128) | (index < 4 ? 0x80 : 0);
  }
  return bytes;
}

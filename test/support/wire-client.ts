// A client that speaks the wire protocol over a TCP socket and nothing more: what it sends and what it gets is the
// test's to say, malformed bytes and silence included.

import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import type { CloseReason } from "../../src/wire/close-reason.ts";
import { Command } from "../../src/wire/commands.ts";
import { FrameReader, type FrameSink } from "../../src/wire/frame-reader.ts";
import { frameHeaderBytes, parseCloseText, writeFrameHeader } from "../../src/wire/frame-writer.ts";
import type { Header } from "../../src/wire/gen/messages/header.ts";
import { ErrorRespSchema, Flag, LoginReqSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import { OpCode } from "../../src/wire/opcode.ts";
import { decodePacket, encodeLogicPacket, type LogicPacket } from "../../src/wire/packet.ts";

/** A response, its body still encoded. */
export interface Answer {
  readonly header: Header;
  readonly status: Status;
  readonly body: Uint8Array;
}

const waitMsMax = 30_000;

/** Fails a test that waits for what never comes. */
function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${waitMsMax} ms for ${what}`)), waitMsMax);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Wraps a payload in a TCP frame. */
export function frameOf(payload: Uint8Array, opcode: number = OpCode.Binary): Buffer {
  const frame = Buffer.alloc(frameHeaderBytes + payload.length);
  writeFrameHeader(frame, 0, opcode, payload.length);
  frame.set(payload, frameHeaderBytes);
  return frame;
}

/** The sentence of a refused request. */
export function sentenceOf(answer: Answer): string {
  return fromBinary(ErrorRespSchema, answer.body).message;
}

export class WireClient implements FrameSink {
  /** Pushes in the order in which they came. */
  readonly pushes: LogicPacket[] = [];
  /** Every payload in order, whatever it is. */
  readonly payloads: Buffer[] = [];
  channelId = "";
  isClosed = false;
  /** How it ended: by the server's close frame, or 1006 without one. */
  readonly closed: Promise<CloseReason>;
  private readonly ended = Promise.withResolvers<CloseReason>();
  private reason: CloseReason = { code: 1006, text: "" };
  private socket: Bun.Socket | undefined;
  private unsent = Buffer.alloc(0);
  private readonly reader = new FrameReader(this, 16 * 1024 * 1024);
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private sequence = 0;
  private arrived = Promise.withResolvers<void>();

  private constructor() {
    this.closed = this.ended.promise;
  }

  /** Connects to `host:port` (or a port of 127.0.0.1). */
  static async connect(address: string): Promise<WireClient> {
    const client = new WireClient();
    const colon = address.lastIndexOf(":");
    client.socket = await Bun.connect({
      hostname: address.slice(0, colon),
      port: Number(address.slice(colon + 1)),
      socket: {
        data: (_, chunk) => void client.reader.push(chunk),
        drain: () => client.write(Buffer.alloc(0)),
        close: () => {
          client.isClosed = true;
          client.ended.resolve(client.reason);
          client.wake();
        },
        error: () => client.ended.resolve(client.reason),
      },
    });
    return client;
  }

  binaryReceived(bytes: Buffer, start: number, end: number): void {
    const owned = Buffer.from(bytes.subarray(start, end));
    this.payloads.push(owned);
    const packet = decodePacket(owned);
    if (packet.kind === "logic") {
      if (packet.header.flag === Flag.Response) {
        const { header, body } = packet;
        const resolve = this.waiting.get(header.sequence);
        this.waiting.delete(header.sequence);
        resolve?.({ header, status: header.status, body });
      } else this.pushes.push(packet);
    }
    this.wake();
  }

  pingReceived(): void {}
  pongReceived(): void {}
  closeReceived(payload: Buffer): void {
    this.reason = parseCloseText(payload);
  }

  /** Queues raw bytes on the socket. */
  write(bytes: Uint8Array): void {
    this.unsent = Buffer.concat([this.unsent, bytes]);
    const taken = this.socket?.write(this.unsent) ?? 0;
    if (taken > 0) this.unsent = this.unsent.subarray(taken);
  }

  /** Stops and starts reading, as a stuck client does. */
  pause(): void {
    this.socket?.pause();
  }
  resume(): void {
    this.socket?.resume();
  }

  /** Ends without a close frame, as a killed process does. */
  terminate(): void {
    this.socket?.terminate();
  }

  /** Sends one packet with that header. */
  send(header: Parameters<typeof encodeLogicPacket>[0], body: Uint8Array = new Uint8Array(0)): void {
    this.write(frameOf(encodeLogicPacket(header, body)));
  }

  /** Sends a request and waits for its response. */
  request<Desc extends DescMessage>(
    command: string,
    dest: string,
    schema: Desc,
    init: MessageInitShape<Desc>,
  ): Promise<Answer> {
    return this.requestBytes(command, dest, toBinary(schema, create(schema, init)));
  }

  requestBytes(command: string, dest: string, body: Uint8Array): Promise<Answer> {
    const sequence = ++this.sequence;
    const answer = this.expect(sequence, command);
    this.send({ command, dest, sequence }, body);
    return answer;
  }

  /** The response with that sequence. */
  expect(sequence: number, what: string): Promise<Answer> {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.waiting.set(sequence, resolve);
    const gone = this.closed.then(({ code, text }) => {
      throw new Error(`closed with ${code} ${text} before the answer to ${what}`);
    });
    return within(Promise.race([promise, gone]), `the answer to ${what}`);
  }

  /** Signs in; a refusal rejects. */
  async signIn(token: string, device = ""): Promise<void> {
    const answer = await this.request(Command.SignIn, "", LoginReqSchema, { token, device });
    if (answer.status !== Status.Success) throw new Error(`sign-in refused: ${answer.status} ${sentenceOf(answer)}`);
    this.channelId = answer.header.channelId;
  }

  /** Waits until `count` pushes of a command have come; returns them decoded. */
  async pushed<Desc extends DescMessage>(command: string, schema: Desc, count = 1): Promise<MessageShape<Desc>[]> {
    const endMs = performance.now() + waitMsMax;
    for (;;) {
      const found = this.pushes.filter(({ header }) => header.command === command);
      if (found.length >= count) return found.map(({ body }) => fromBinary(schema, body));
      if (this.isClosed || performance.now() > endMs) {
        throw new Error(`${found.length} of ${count} pushes of ${command} came`);
      }
      await Promise.race([this.arrived.promise, Bun.sleep(100)]);
    }
  }

  /** How the server ended this connection. */
  ending(): Promise<CloseReason> {
    return within(this.closed, "the connection's end");
  }

  private wake(): void {
    this.arrived.resolve();
    this.arrived = Promise.withResolvers();
  }
}

// One connection of the load generator, over TCP or WebSocket. What a turn produces leaves in one write, and what comes
// is scanned in place: it must outrun the server.

import { create, toBinary } from "@bufbuild/protobuf";
import { signToken } from "../../src/auth/token.ts";
import { Flusher, type Flushable } from "../../src/transport/flusher.ts";
import { OutboundBuffer } from "../../src/transport/outbound-buffer.ts";
import { Command } from "../../src/wire/commands.ts";
import type { CloseReason } from "../../src/wire/close-reason.ts";
import type { FrameSink } from "../../src/wire/frame-reader.ts";
import { parseCloseText } from "../../src/wire/frame-writer.ts";
import { Flag, LoginReqSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import { OpCode } from "../../src/wire/opcode.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";
import { PacketKind, PacketScan, scanPacket } from "../../src/wire/packet-scan.ts";
import { isSecure, type Target } from "../server/target.ts";
import { type Dialect, dialectOf } from "./dialect.ts";
import { sequenceFirst } from "./numbered-talk.ts";
import { secured } from "./secured.ts";

const flusher = new Flusher();
const nothing = new Uint8Array(0);
/** Shared: it is read before the next packet. */
const scan = new PacketScan();
/** What no server takes longer for, unless it is dead. */
const answerMsMax = 20_000;
const frameBytesMax = 16 * 1024 * 1024;

/** What a connection tells. `atMs` is when the bytes were read. */
export interface LoadEvents {
  /** The answer to request `number`. */
  answered(number: number, status: number, atMs: number): void;
  /** A push. The payload is a view that lives until this returns. */
  pushed(payload: Buffer, scan: PacketScan, atMs: number): void;
  /** The connection ended before it was asked to. */
  lost(reason: string): void;
}

/** What one connection sends as fast as it can: requests with numbers, counted from 0. */
export interface NumberedRequests {
  /** How many there are; Infinity where there is no end. */
  readonly count: number;
  /** A frame, which is copied at once, and whose copy at `at` is made the one of this number then. */
  frameOf(number: number): Buffer;
  patch(target: Buffer, at: number, number: number): void;
}

/** The answer to a request without a number. */
interface LoadAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/** Makes tokens before a clock starts. */
export function tokenFor({ secret, app }: Pick<Target, "secret" | "app">, account: string): Promise<string> {
  return signToken(new TextEncoder().encode(secret), { account, app, ttlSeconds: 3600 });
}

export class LoadClient implements FrameSink, Flushable {
  isDirty = false;
  readonly dialect: Dialect;
  /** Why the server says that it ended the connection. */
  closeReason: CloseReason | undefined;
  isEnded = false;
  private readonly events: LoadEvents;
  private readonly reader: { push(chunk: Buffer): CloseReason | undefined };
  private readonly outbound = new OutboundBuffer(flusher.queues.buffers);
  private readonly ready = Promise.withResolvers<void>();
  private pong = Promise.withResolvers<void>();
  private readonly waiting = new Map<number, PromiseWithResolvers<LoadAnswer>>();
  private socket: Bun.Socket | undefined;
  private isEnding = false;
  private requests = 0;
  private readMs = 0;

  private constructor(target: Target, events: LoadEvents) {
    this.events = events;
    this.dialect = dialectOf(target.endpoint);
    this.reader = this.dialect.reader(this, () => this.ready.resolve());
    this.ready.promise.catch(() => undefined);
    this.pong.promise.catch(() => undefined);
  }

  /** Connects, and no more. Rejects with a sentence. */
  static async connect(target: Target, events: LoadEvents): Promise<LoadClient> {
    const client = new LoadClient(target, events);
    const { host, port, transport } = target.endpoint;
    const name = `${transport}://${host.includes(":") ? `[${host}]` : host}:${port}`;
    try {
      const handlers: Bun.SocketHandler<undefined> = {
        data: (_socket, chunk) => client.read(chunk),
        drain: () => client.flush(),
        close: () => client.ended("the server ended the connection"),
        error: (_socket, error) => client.ended(`the connection failed: ${error.message}`),
      };
      client.socket = isSecure(transport)
        ? await secured(host, port, handlers)
        : await Bun.connect<undefined>({ hostname: host, port, socket: handlers });
    } catch (error) {
      throw new Error(`cannot connect to ${name}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
    if (client.dialect.greeting === undefined) return client;
    client.queue(client.dialect.greeting);
    const late = setTimeout(() => client.ready.reject(new Error(`${name} does not answer the upgrade`)), answerMsMax);
    await client.ready.promise.finally(() => clearTimeout(late));
    return client;
  }

  /**
   * Connects and signs in. Rejects with a sentence when either is refused. Without a device, the cursors of its index
   * count as acknowledgements.
   */
  static async signIn(
    target: Target,
    account: string,
    events: LoadEvents,
    {
      token,
      device = "",
      features = [],
    }: { readonly token?: string | undefined; readonly device?: string; readonly features?: string[] } = {},
  ): Promise<LoadClient> {
    const client = await LoadClient.connect(target, events);
    const request = create(LoginReqSchema, { token: token ?? (await tokenFor(target, account)), device, features });
    const body = toBinary(LoginReqSchema, request);
    const { status } = await client.request(Command.SignIn, "", body);
    if (status !== Status.Success) {
      client.disconnect();
      throw new Error(`the sign-in of ${account} was refused with status ${status}`);
    }
    return client;
  }

  /** Sends a ping, and waits for its pong: the server reads what this connection sends. One at a time. */
  async ping(): Promise<void> {
    this.pong = Promise.withResolvers();
    this.pong.promise.catch(() => undefined);
    this.queue(this.dialect.frame(nothing, OpCode.Ping));
    const late = setTimeout(() => this.pong.reject(new Error("a ping was not answered")), answerMsMax);
    await this.pong.promise.finally(() => clearTimeout(late));
  }

  /** Sends one request, and waits for its answer. */
  request(command: string, dest: string, body: Uint8Array): Promise<LoadAnswer> {
    const sequence = ++this.requests;
    const answer = Promise.withResolvers<LoadAnswer>();
    if (this.isEnded) answer.reject(new Error(`the connection ended before ${command}`));
    this.waiting.set(sequence, answer);
    this.queue(this.dialect.frame(encodeLogicPacket({ command, dest, sequence }, body)));
    const late = setTimeout(() => answer.reject(new Error(`${command} was not answered`)), answerMsMax);
    return answer.promise.finally(() => clearTimeout(late));
  }

  /** Sends request `number`; its answer arrives as an event. */
  send(requests: NumberedRequests, number: number): void {
    const at = this.queue(requests.frameOf(number));
    requests.patch(this.outbound.bytes, at, number);
  }

  /** When bytes were read last, of `performance.now()`: in the turn of an answer, when its last bytes were. */
  get heardMs(): number {
    return this.readMs;
  }

  /** Stops and starts reading, as a stuck client does. */
  pause(): void {
    this.socket?.pause();
  }
  resume(): void {
    this.socket?.resume();
  }

  /** Ends the connection without a word. */
  disconnect(): void {
    this.isEnding = true;
    this.socket?.terminate();
  }

  binaryReceived(bytes: Buffer, start: number, end: number): void {
    const payload = bytes.subarray(start, end);
    scanPacket(payload, scan, frameBytesMax);
    if (scan.kind !== PacketKind.Logic) {
      if (scan.kind === PacketKind.Malformed) this.ended("the server sent a malformed packet");
    } else if (scan.flag === Flag.Push) this.events.pushed(payload, scan, this.readMs);
    else if (scan.sequence >= sequenceFirst)
      this.events.answered(scan.sequence - sequenceFirst, scan.status, this.readMs);
    else {
      const { sequence, status, bodyStart } = scan;
      this.waiting.get(sequence)?.resolve({ status, body: Buffer.from(payload.subarray(bodyStart)) });
      this.waiting.delete(sequence);
    }
  }
  pingReceived(payload: Buffer): void {
    this.queue(this.dialect.frame(payload, OpCode.Pong));
  }
  pongReceived(): void {
    this.pong.resolve();
  }
  closeReceived(payload: Buffer): void {
    this.closeReason = parseCloseText(payload);
    this.ended(`the server closed the connection: ${this.closeReason.code} ${this.closeReason.text}`);
  }

  flush(): void {
    const { outbound } = this;
    if (outbound.pendingBytes === 0) return;
    const taken = this.socket?.write(outbound.bytes, outbound.start, outbound.pendingBytes) ?? -1;
    if (taken > 0) outbound.consume(taken);
  }

  private read(chunk: Buffer): void {
    this.readMs = performance.now();
    const fault = this.reader.push(chunk);
    if (fault === undefined) return;
    this.ended(fault.text);
    this.socket?.terminate();
  }

  private ended(reason: string): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.outbound.clear();
    const error = new Error(reason);
    this.ready.reject(error);
    this.pong.reject(error);
    for (const answer of this.waiting.values()) answer.reject(error);
    this.waiting.clear();
    if (!this.isEnding) this.events.lost(reason);
  }

  /** Returns where in `outbound` it lies, until the turn ends. */
  private queue(frame: Buffer): number {
    const at = this.outbound.reserve(frame.length);
    frame.copy(this.outbound.bytes, at);
    flusher.mark(this);
    return at;
  }
}

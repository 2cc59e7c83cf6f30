// Clients that behave as those of KIM do, their weaknesses included: the one that its Go tests use, which takes the
// next packet for the answer to what it has sent, and its web SDK, which keeps the newest acknowledgement and begins
// there. Both sign in with a token alone.

import { createHmac } from "node:crypto";
import { create, fromBinary, toBinary, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { openWebSocket } from "../../src/sdk/open-web-socket.ts";
import { Command } from "../../src/wire/commands.ts";
import {
  ErrorRespSchema,
  Flag,
  KickoutNotifySchema,
  LoginReqSchema,
  LoginRespSchema,
  MessageAckReqSchema,
  MessageContentReqSchema,
  MessageContentRespSchema,
  MessageIndexReqSchema,
  MessageIndexRespSchema,
  MessagePushSchema,
  MessageReqSchema,
  MessageRespSchema,
  Status,
  type MessageContent,
  type MessageIndex,
  type MessagePush,
  type MessageResp,
} from "../../src/wire/gen/pkt_pb.ts";
import { decodePacket, encodeLogicPacket, type LogicPacket } from "../../src/wire/packet.ts";

const waitMsMax = 30_000;

/** A token as KIM's own package makes it: without `iat`. */
export function kimToken(secret: string, account: string, app = "kim"): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + 86_400;
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part({ acc: account, app, exp })}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

/** Of all clients of a program. */
let sequence = 0;

/** Packets over a WebSocket, in the order in which they come. */
class Line {
  /** Told of each packet that nobody waits for. */
  onPacket: ((packet: LogicPacket) => void) | undefined;
  readonly closed: Promise<void>;
  private readonly socket: WebSocket;
  private readonly packets: LogicPacket[] = [];
  private readonly readers: ((packet: LogicPacket) => void)[] = [];

  private constructor(socket: WebSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.addEventListener("close", () => resolve()));
    socket.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
      if (!(data instanceof ArrayBuffer)) throw new Error("the server sends binary messages");
      const packet = decodePacket(new Uint8Array(data));
      if (packet.kind !== "logic") return;
      const reader = this.readers.shift();
      if (reader !== undefined) reader(packet);
      else if (this.onPacket !== undefined) this.onPacket(packet);
      else this.packets.push(packet);
    });
  }

  static async open(url: string, ca?: string): Promise<Line> {
    const socket = await openWebSocket(url, ca);
    socket.binaryType = "arraybuffer";
    const line = new Line(socket);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener("open", () => resolve());
      socket.addEventListener("error", () => reject(new Error(`nobody takes WebSockets at ${url}`)));
    });
    return line;
  }

  /** Sends a request; its sequence. */
  send<Desc extends DescMessage>(command: string, dest: string, schema: Desc, body: MessageInitShape<Desc>): number {
    sequence = (sequence + 1) % 65_536;
    this.socket.send(encodeLogicPacket({ command, dest, sequence }, toBinary(schema, create(schema, body))));
    return sequence;
  }

  /** The next packet, whatever it is. */
  read(): Promise<LogicPacket> {
    const packet = this.packets.shift();
    if (packet !== undefined) return Promise.resolve(packet);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`waited ${waitMsMax} ms for a packet`)), waitMsMax);
      this.readers.push((read) => {
        clearTimeout(timer);
        resolve(read);
      });
    });
  }

  async signIn(token: string, tags: string[] = []): Promise<{ channelId: string; account: string }> {
    this.send(Command.SignIn, "", LoginReqSchema, { token, tags });
    const { header, body } = await this.read();
    if (header.status !== Status.Success) throw new Error(`sign-in: ${fromBinary(ErrorRespSchema, body).message}`);
    return fromBinary(LoginRespSchema, body);
  }

  close(): void {
    this.socket.close();
  }
}

/** `dialer.Login` and what KIM's Go tests do with it. */
export class KimGoClient {
  private readonly line: Line;

  private constructor(line: Line) {
    this.line = line;
  }

  /** `ca`: certificates in PEM that verify the server's. */
  static async login(url: string, token: string, ca?: string): Promise<KimGoClient> {
    const line = await Line.open(url, ca);
    await line.signIn(token);
    return new KimGoClient(line);
  }

  send<Desc extends DescMessage>(command: string, dest: string, schema: Desc, body: MessageInitShape<Desc>): void {
    this.line.send(command, dest, schema, body);
  }

  read(): Promise<LogicPacket> {
    return this.line.read();
  }

  close(): void {
    this.line.close();
  }
}

/** What a browser keeps of an account. */
export class KimStorage {
  lastId = 0n;
  readonly messages = new Set<bigint>();
}

/** The web SDK. */
export class KimWebClient {
  /** What was listed at the sign-in. */
  readonly offline: MessageIndex[] = [];
  readonly messages: MessagePush[] = [];
  /** Another sign-in of the account has ended this one. */
  isKickedOut = false;
  private readonly line: Line;
  private readonly storage: KimStorage;
  private channelId = "";
  private newest = 0n;
  private readonly sent = new Map<number, (answer: LogicPacket) => void>();

  private constructor(line: Line, storage: KimStorage) {
    this.line = line;
    this.storage = storage;
  }

  /** `ca`: certificates in PEM that verify the server's. */
  static async login(url: string, token: string, storage: KimStorage, ca?: string): Promise<KimWebClient> {
    const line = await Line.open(url, ca);
    const client = new KimWebClient(line, storage);
    ({ channelId: client.channelId } = await line.signIn(token, ["web"]));
    line.onPacket = (packet) => client.receive(packet);
    await client.loadOffline();
    return client;
  }

  async talk(command: string, dest: string, body: string): Promise<MessageResp> {
    return fromBinary(MessageRespSchema, await this.request(command, dest, MessageReqSchema, { type: 1, body }));
  }

  /** A page of what was listed, as it is when the user scrolls. */
  async load(indexes: readonly MessageIndex[]): Promise<MessageContent[]> {
    const messageIds = indexes.map(({ messageId }) => messageId);
    const body = await this.request(Command.OfflineContent, "", MessageContentReqSchema, { messageIds });
    return fromBinary(MessageContentRespSchema, body).contents;
  }

  /** What its loop does every three seconds. */
  async acknowledge(): Promise<void> {
    if (this.newest === 0n) return;
    await this.request(Command.TalkAck, "", MessageAckReqSchema, { messageId: this.newest });
    this.storage.lastId = this.newest;
  }

  async logout(): Promise<void> {
    this.line.close();
    await this.line.closed;
  }

  private async loadOffline(): Promise<void> {
    let { lastId: messageId } = this.storage;
    for (;;) {
      const body = await this.request(Command.OfflineIndex, "", MessageIndexReqSchema, { messageId });
      const { indexes } = fromBinary(MessageIndexRespSchema, body);
      if (indexes.length === 0) return;
      messageId = indexes.at(-1)?.messageId ?? messageId;
      this.offline.push(...indexes);
    }
  }

  private async request<Desc extends DescMessage>(
    command: string,
    dest: string,
    schema: Desc,
    init: MessageInitShape<Desc>,
  ): Promise<Uint8Array> {
    const { promise, resolve, reject } = Promise.withResolvers<LogicPacket>();
    const timer = setTimeout(() => reject(new Error(`${command} was not answered`)), waitMsMax);
    this.sent.set(this.line.send(command, dest, schema, init), resolve);
    const { header, body } = await promise.finally(() => clearTimeout(timer));
    if (header.status !== Status.Success) throw new Error(`${command}: ${fromBinary(ErrorRespSchema, body).message}`);
    return body;
  }

  private receive({ header, body }: LogicPacket): void {
    if (header.status >= Status.SessionNotFound) this.line.close();
    else if (header.flag === Flag.Response) {
      this.sent.get(header.sequence)?.({ kind: "logic", header, body });
      this.sent.delete(header.sequence);
    } else if (header.command === Command.UserTalk || header.command === Command.GroupTalk) {
      const push = fromBinary(MessagePushSchema, body);
      if (this.storage.messages.has(push.messageId)) return;
      this.storage.messages.add(push.messageId);
      this.newest = push.messageId;
      this.messages.push(push);
    } else if (header.command === Command.SignIn) {
      this.isKickedOut = fromBinary(KickoutNotifySchema, body).channelId === this.channelId;
      this.line.close();
    }
  }
}

// Makes a recording: clients do something, and whatever comes of it on any connection is written down. Values that
// differ from run to run are found by decoding the answers, and get names in all bytes.

import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { Command } from "../../../src/wire/commands.ts";
import {
  Flag,
  GroupCreateRespSchema,
  GroupGetRespSchema,
  type HeaderSchema,
  MessageRespSchema,
  Status,
} from "../../../src/wire/gen/pkt_pb.ts";
import { OpCode } from "../../../src/wire/opcode.ts";
import { decodePacket, encodeLogicPacket, type LogicPacket } from "../../../src/wire/packet.ts";
import { clientFrame } from "../websocket-frames.ts";
import { frameOf } from "../wire-client.ts";
import { ByteClient } from "./byte-client.ts";
import { writeBytes, type Segment, type Variable } from "./byte-text.ts";
import { payloadOf, tcpFrames, webSocketFrames } from "./frames.ts";
import type { PlayedServer } from "./player.ts";
import { endMark, recordedToken, type Session, type Step, type TokenSpec } from "./recording.ts";
import { channelCharacters, groupCharacters, varintOf } from "./values.ts";

/** Nothing more comes of a step after so long without anything. */
const quietMs = 60;
/** A notice that an account has left, soon after the one that it joined, is held back for a second or two. */
const lateMs = 2_500;
/** A request that is refused by the end of the connection, or not at all, gets no response. */
const responseMsMax = 1_000;

export type Transport = "tcp" | "ws";

/** A WebSocket handshake, whose answer is always the same. */
export const upgrade =
  "GET / HTTP/1.1\r\nHost: chat.example.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

interface RawStep extends Omit<Step, "send" | "received"> {
  readonly send?: Buffer;
  readonly received: readonly {
    readonly name: string;
    readonly frames: readonly Buffer[];
    readonly isEnded: boolean;
  }[];
}

interface Opened {
  readonly client: ByteClient;
  readonly transport: Transport;
  sequence: number;
  isEnded: boolean;
}

/** What a request's header has besides its command and sequence. */
export type HeaderFields = MessageInitShape<typeof HeaderSchema>;

/** Records sessions one after the other on one server. */
export class Recorder {
  private readonly server: PlayedServer;
  private readonly tokens: Readonly<Record<string, TokenSpec>>;
  private readonly beginSeconds = Math.floor(Date.now() / 1000);
  private readonly sessions: { readonly name: string; readonly steps: RawStep[] }[] = [];
  private readonly found = new Map<string, Variable>();
  private readonly ids = new Set<bigint>();
  private readonly times = new Set<bigint>();
  private readonly seconds = new Set<bigint>();
  private channels = 0;
  private groups = 0;
  private clients = new Map<string, Opened>();
  private settleMs = quietMs;

  constructor(server: PlayedServer, tokens: Readonly<Record<string, TokenSpec>>) {
    this.server = server;
    this.tokens = tokens;
  }

  /** Begins a session; the connections of the one before must have ended. */
  begin(name: string): void {
    this.sessions.push({ name, steps: [] });
    this.clients = new Map();
  }

  /** Opens a connection; on a WebSocket with its handshake. */
  async open(by: string, transport: Transport = "tcp", handshake = upgrade): Promise<void> {
    const client = await ByteClient.connect(transport === "tcp" ? this.server.tcpPort : this.server.wsPort);
    this.clients.set(by, { client, transport, sequence: 0, isEnded: false });
    const send = transport === "ws" ? Buffer.from(handshake, "latin1") : undefined;
    if (send !== undefined) client.send(send);
    await this.add({ what: `${by} connects`, by, open: transport, ...(send && { send }) });
  }

  /** Sends bytes as they are. */
  async bytes(by: string, what: string, bytes: Buffer): Promise<void> {
    this.opened(by).client.send(bytes);
    await this.add({ what: `${by}: ${what}`, by, send: bytes });
  }

  /** Sends a binary frame with that payload. */
  async payload(by: string, what: string, payload: Buffer): Promise<void> {
    await this.bytes(by, what, this.framed(by, payload));
  }

  /** Sends a request; returns its response, if there is one. */
  async request<Desc extends DescMessage>(
    by: string,
    command: string,
    schema: Desc,
    init: MessageInitShape<Desc>,
    fields: HeaderFields = {},
    note = "",
  ): Promise<LogicPacket | undefined> {
    return this.requestBytes(by, command, Buffer.from(toBinary(schema, create(schema, init))), fields, note);
  }

  async requestBytes(
    by: string,
    command: string,
    body: Buffer,
    fields: HeaderFields = {},
    note = "",
  ): Promise<LogicPacket | undefined> {
    const sequence = ++this.opened(by).sequence;
    const payload = Buffer.from(encodeLogicPacket({ command, sequence, ...fields }, body));
    const words = [`${command}${this.receiverOf(fields.dest)}`, note];
    const packets = await this.send(by, words.filter((word) => word !== "").join(": "), this.framed(by, payload));
    return packets.find(({ header }) => header.flag === Flag.Response);
  }

  /** Records requests whose consequences come late. */
  async patiently(act: () => Promise<unknown>): Promise<void> {
    this.settleMs = lateMs;
    await act();
    this.settleMs = quietMs;
  }

  /** Several requests in one write. */
  async together(by: string, what: string, packets: readonly (readonly [HeaderFields, Buffer])[]): Promise<void> {
    const opened = this.opened(by);
    const frames = packets.map(([fields, body]) =>
      this.framed(by, Buffer.from(encodeLogicPacket({ sequence: ++opened.sequence, ...fields }, body))),
    );
    const send = Buffer.concat(frames);
    opened.client.send(send);
    await this.add({ what: `${by}: ${what}`, by, send, anyOrder: true });
  }

  /** The client ends the connection, in good order and without a close frame. */
  async close(by: string): Promise<void> {
    this.opened(by).client.close();
    await this.add({ what: `${by} ends the connection`, by, close: true });
  }

  /** Ends all connections that are left, each after a ping that shows that nothing else was on its way. */
  async closeAll(): Promise<void> {
    for (const [by, { isEnded }] of this.clients) {
      if (isEnded) continue;
      await this.payload(by, "a ping", Buffer.from("c315a76500010000", "hex"));
      await this.close(by);
    }
  }

  async act(what: string, server: NonNullable<Step["server"]>): Promise<void> {
    await this.server.act(server);
    await this.add({ what, server });
  }

  /** The token of that name. */
  token(name: string): string {
    const spec = this.tokens[name];
    if (spec === undefined) throw new Error(`no token ${name}`);
    return recordedToken(spec, this.beginSeconds + spec.ttlSeconds);
  }

  /** A frame of the client's transport. The mask of a WebSocket's is 0, so that a recording shows the payload. */
  framed(by: string, payload: Buffer): Buffer {
    return this.opened(by).transport === "tcp" ? frameOf(payload) : clientFrame({ payload });
  }

  /** All sessions with their values named. */
  finish(): Session[] {
    const sorted = (values: Set<bigint>): bigint[] => [...values].toSorted((one, other) => (one < other ? -1 : 1));
    for (const [kind, values] of [
      ["message", sorted(this.ids)],
      ["time", sorted(this.times)],
    ] as const)
      for (const [index, value] of values.entries()) this.name(varintOf(value), kind, `${index + 1}`);
    for (const name of Object.keys(this.tokens)) this.name(Buffer.from(this.token(name)), "token", name);
    return this.sessions.map(({ name, steps }) => ({ name, steps: steps.map((step) => this.written(step)) }));
  }

  private opened(by: string): Opened {
    const opened = this.clients.get(by);
    if (opened === undefined) throw new Error(`${by} has not connected`);
    return opened;
  }

  private async send(by: string, what: string, bytes: Buffer): Promise<LogicPacket[]> {
    this.opened(by).client.send(bytes);
    const received = await this.add({ what: `${by}: ${what}`, by, send: bytes }, by);
    const own = received.find(({ name }) => name === by)?.frames ?? [];
    return own.flatMap((frame) => this.packetsOf(frame, this.opened(by).transport));
  }

  /** Waits until nothing comes any more, and writes the step down. */
  private async add(step: Omit<RawStep, "received">, answered?: string): Promise<RawStep["received"]> {
    const all = [...this.clients];
    const begunMs = performance.now();
    const waits = (): boolean =>
      answered !== undefined &&
      this.opened(answered).client.received.length === 0 &&
      !this.opened(answered).client.isEnded &&
      performance.now() - begunMs < responseMsMax;
    const state = (): number =>
      all.reduce((sum, [, { client }]) => sum + client.received.length + (client.isEnded ? 1 : 0), 0);
    const before = state();
    for (let [last, quiet] = [before, 0]; quiet < this.settleMs || waits();) {
      await Bun.sleep(10);
      const now = state();
      quiet = now === last ? quiet + 10 : 0;
      last = now;
    }
    const received: RawStep["received"][number][] = [];
    for (const [name, opened] of all) {
      const { client, transport } = opened;
      const bytes = client.take(client.received.length);
      const frames = transport === "tcp" ? tcpFrames(bytes) : webSocketFrames(bytes);
      const isEnded = client.isEnded && !opened.isEnded;
      opened.isEnded = client.isEnded;
      if (frames.length > 0 || isEnded) received.push({ name, frames, isEnded });
      for (const frame of frames) for (const packet of this.packetsOf(frame, transport)) this.learn(packet, name);
    }
    this.sessions.at(-1)?.steps.push({ ...step, received });
    return received;
  }

  private packetsOf(frame: Buffer, transport: Transport): LogicPacket[] {
    const opcode = (frame[0] ?? 0) & 0x0f;
    if (opcode !== OpCode.Binary || frame.toString("latin1", 0, 5) === "HTTP/") return [];
    const packet = decodePacket(payloadOf(frame, transport));
    return packet.kind === "logic" ? [packet] : [];
  }

  /** Finds the values that another run gives otherwise. */
  private learn({ header, body }: LogicPacket, by: string): void {
    if (header.flag === Flag.Response && header.channelId !== "") this.nameChannel(header.channelId, by);
    if (header.flag !== Flag.Response || header.status !== Status.Success) return;
    switch (header.command) {
      case Command.UserTalk:
      case Command.GroupTalk:
        this.learnMessage(fromBinary(MessageRespSchema, body));
        break;
      case Command.GroupCreate:
        this.nameGroup(fromBinary(GroupCreateRespSchema, body).groupId);
        break;
      case Command.GroupDetail:
      case Command.GroupMembers: {
        const { createdAt, members } = fromBinary(GroupGetRespSchema, body);
        for (const second of [createdAt, ...members.map(({ joinTime }) => joinTime)]) this.seconds.add(second);
        break;
      }
      default:
    }
  }

  private learnMessage({ messageId, sendTime }: MessageShape<typeof MessageRespSchema>): void {
    this.ids.add(messageId);
    this.times.add(sendTime);
  }

  /** For people; ids and long names are left out. */
  private receiverOf(dest = ""): string {
    if (this.found.has(dest)) return " to a group";
    return dest === "" || dest.length > 30 ? "" : ` to ${JSON.stringify(dest)}`;
  }

  private nameChannel(id: string, by: string): void {
    const number = id.slice(id.lastIndexOf("_") + 1);
    if (number.length !== channelCharacters) throw new Error(`the channel ${id} has a number of another length`);
    if (!this.found.has(number)) this.name(Buffer.from(number), "channel", `${++this.channels} of ${by}`);
  }

  private nameGroup(id: string): void {
    if (id.length !== groupCharacters) throw new Error(`the group ${id} has not ${groupCharacters} characters`);
    this.name(Buffer.from(id), "group", `${++this.groups}`);
  }

  private name(bytes: Buffer, kind: Variable["kind"], name: string): void {
    const key = bytes.toString("latin1");
    if (!this.found.has(key)) this.found.set(key, { kind, name });
  }

  private written({ send, received, what, ...step }: RawStep): Step {
    const texts = received.map(({ name, frames, isEnded }): [string, string[]] => {
      const values = frames.map((frame) => writeBytes(this.named(frame, what)));
      return [name, [...values, ...(isEnded ? [endMark] : [])]];
    });
    return {
      what,
      ...step,
      ...(send !== undefined && { send: writeBytes(this.named(send, what)) }),
      received: Object.fromEntries(texts),
    };
  }

  /** The bytes, with names in the places of the values. */
  private named(bytes: Buffer, what: string): Segment[] {
    let segments: Segment[] = [bytes];
    for (const [value, variable] of this.variablesOf(bytes, what))
      segments = segments.flatMap((segment) => (Buffer.isBuffer(segment) ? cut(segment, value, variable) : segment));
    return segments;
  }

  /** Short values are looked for only where they can be. */
  private *variablesOf(bytes: Buffer, what: string): Generator<readonly [Buffer, Variable]> {
    for (const [value, variable] of this.found) yield [Buffer.from(value, "latin1"), variable];
    const [date] = /(?<=\r\nDate: )[^\r]*/.exec(bytes.toString("latin1")) ?? [];
    if (date !== undefined) yield [Buffer.from(date), { kind: "date", name: "of the answer" }];
    if (what.includes(Command.GroupDetail) || what.includes(Command.GroupMembers))
      for (const second of this.seconds) yield [varintOf(second), { kind: "second", name: "of a group" }];
    if (what.includes(Command.Renew))
      for (const [name, { ttlSeconds }] of Object.entries(this.tokens))
        yield [varintOf(BigInt(this.beginSeconds + ttlSeconds)), { kind: "expiry", name }];
  }
}

function cut(bytes: Buffer, value: Buffer, variable: Variable): Segment[] {
  const parts: Segment[] = [];
  let rest = bytes;
  for (;;) {
    const at = rest.indexOf(value);
    if (at < 0) return [...parts, rest];
    parts.push(rest.subarray(0, at), variable);
    rest = rest.subarray(at + value.length);
  }
}

// A client in a simulation: real frames over the simulated network, written after proto/README.md and not with the SDK,
// so that both ends of the protocol are not one piece of code. It keeps what it has read on a disk; it repeats a talk
// under its clientId until it is answered; it reads the index after a sign-in, after chat.sync, and when a push names a
// message before it that it does not know; never otherwise.

import { create, fromBinary, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { CloseCode } from "../../src/wire/close-reason.ts";
import { Command } from "../../src/wire/commands.ts";
import { FrameReader } from "../../src/wire/frame-reader.ts";
import { parseCloseText } from "../../src/wire/frame-writer.ts";
import {
  Flag,
  GroupJoinReqSchema,
  GroupQuitReqSchema,
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
} from "../../src/wire/gen/pkt_pb.ts";
import { basicPing, decodePacket, encodeLogicPacket, type LogicPacket } from "../../src/wire/packet.ts";
import { frameOf } from "../support/wire-client.ts";
import type { Machine, Machines } from "./machines.ts";

const answerMsMax = 6_000;
const pingMs = 20_000;
const talksAtOnce = 3;
const contentsAtOnce = 200;
const frameBytesMax = 16 * 1024 * 1024;

/** Something that a person said. */
export interface Saying {
  /** Its text and its clientId. */
  readonly name: string;
  readonly sender: string;
  readonly device: string;
  readonly toGroup: boolean;
  readonly dest: string;
  /** When it was first sent; -1: not yet. */
  sentMs: number;
  answeredMs: number;
  attempts: number;
  /** The connection of the last attempt. */
  channelId: string;
  /** Undefined: not answered. 0n: refused. */
  messageId: bigint | undefined;
}

/** A change of membership that a person wants. */
export interface Step {
  readonly group: string;
  readonly account: string;
  readonly isJoin: boolean;
  sentMs: number;
  answeredMs: number;
}

/** A push, in the order in which they came by one connection. */
export interface Pushed {
  readonly channelId: string;
  readonly messageId: bigint;
  readonly name: string;
  /** The group, or the sender. */
  readonly conversation: string;
  readonly atMs: number;
}

type OnAnswer = (status: Status, body: Uint8Array) => void;

export class Phone {
  readonly account: string;
  readonly device: string;
  readonly machine: Machine;
  private readonly machines: Machines;
  private readonly gateways: readonly string[];
  private readonly fault: (what: string) => void;
  private readonly tell: (what: string) => void;
  readonly heedsHints: boolean;

  // The disk.
  /** Names of messages by id: all that it has seen, its own ones included. */
  readonly seen = new Map<bigint, string>();
  readonly own = new Set<bigint>();
  readonly pushes: Pushed[] = [];
  private cursor: bigint;
  readonly outbox: Saying[] = [];
  readonly steps: Step[] = [];
  readonly said: Saying[] = [];

  /** It wants to be connected. */
  isWanted = true;
  /** When it comes back after it was kicked. */
  backMs = 0;
  channelId = "";
  /** When it signed in last. */
  signedInMs = 0;
  private connection: PhoneConnection | undefined;

  constructor(parts: {
    readonly account: string;
    readonly device: string;
    readonly machine: Machine;
    readonly machines: Machines;
    readonly gateways: readonly string[];
    readonly fault: (what: string) => void;
    readonly tell: (what: string) => void;
    /** The cursor that it begins with: 0n asks for what the device has not acknowledged. */
    readonly cursor: bigint;
    readonly heedsHints: boolean;
  }) {
    this.account = parts.account;
    this.device = parts.device;
    this.machine = parts.machine;
    this.machines = parts.machines;
    this.gateways = parts.gateways;
    this.fault = parts.fault;
    this.tell = parts.tell;
    this.cursor = parts.cursor;
    this.heedsHints = parts.heedsHints;
  }

  /** The main program. */
  start(): void {
    const look = (): void => {
      if (this.isWanted && this.connection === undefined && this.machines.events.nowMs >= this.backMs) this.connect();
      setTimeout(look, 200 + this.machines.random.below(400));
    };
    look();
    setInterval(() => this.connection?.ping(), pingMs);
    this.machines.running.ends.push(() => {
      this.connection = undefined;
      this.channelId = "";
    });
  }

  get isSignedIn(): boolean {
    return this.connection?.isSignedIn === true;
  }

  /** Nothing that it wants is unanswered. */
  get isDone(): boolean {
    return this.outbox.length === 0 && this.steps.length === 0 && this.connection?.isReading !== true;
  }

  say(saying: Saying): void {
    this.outbox.push(saying);
    this.said.push(saying);
    this.flush();
  }

  step(step: Step): void {
    this.steps.push(step);
    this.flush();
  }

  /** Ends its connection: with a close frame, or without a word. */
  hangUp(isPolite: boolean): void {
    this.connection?.end(isPolite);
  }

  flush(): void {
    const { connection } = this;
    if (connection?.isSignedIn !== true) return;
    for (const saying of this.outbox.slice(0, talksAtOnce)) connection.talk(saying);
    const [step] = this.steps;
    if (step !== undefined) connection.step(step);
  }

  ended(connection: PhoneConnection, code: number): void {
    if (this.connection !== connection) return;
    this.connection = undefined;
    this.channelId = "";
    const { random, events } = this.machines;
    const isKicked = code === CloseCode.Kicked;
    this.backMs = events.nowMs + (isKicked ? 6_000 + random.below(12_000) : 300 + random.below(1_500));
    this.tell(`${this.label} ends with ${code}`);
  }

  /** Of the simulation. */
  get nowMs(): number {
    return this.machines.events.nowMs;
  }

  get label(): string {
    return `${this.account}/${this.device}@${this.machine.name}`;
  }

  signedIn(channelId: string): void {
    this.channelId = channelId;
    this.signedInMs = this.nowMs;
    this.tell(`${this.label} is ${channelId}`);
    this.flush();
  }

  get lastRead(): bigint {
    return this.cursor;
  }

  /** All up to this id was in the index. */
  read(id: bigint): void {
    this.cursor = id;
  }

  got(messageId: bigint, name: string): void {
    const before = this.seen.get(messageId);
    if (before !== undefined && before !== name)
      this.fault(`${this.label} got ${messageId} as ${before} and as ${name}`);
    this.seen.set(messageId, name);
  }

  broken(what: string): void {
    this.fault(`${this.label}: ${what}`);
  }

  private connect(): void {
    const address = this.gateways[this.machines.random.below(this.gateways.length)] ?? "";
    const connection = new PhoneConnection(this);
    this.connection = connection;
    connection.open(address);
  }
}

class PhoneConnection {
  private readonly phone: Phone;
  private readonly reader: FrameReader;
  private socket: Bun.Socket | undefined;
  private readonly waiting = new Map<number, OnAnswer>();
  private readonly underWay = new Set<object>();
  private sequence = 0;
  private channelId = "";
  private isOver = false;
  private closeCode = 1006;
  /** Between the begin of a read of the index and its end; `again`: something came up meanwhile. */
  private reading: "no" | "once" | "again" = "no";

  constructor(phone: Phone) {
    this.phone = phone;
    this.reader = new FrameReader(
      {
        binaryReceived: (bytes, start, end) => this.received(Buffer.from(bytes.subarray(start, end))),
        pingReceived: () => undefined,
        pongReceived: () => undefined,
        closeReceived: (payload) => {
          this.closeCode = parseCloseText(payload).code;
          this.over();
        },
      },
      frameBytesMax,
    );
  }

  get isSignedIn(): boolean {
    return this.channelId !== "" && !this.isOver;
  }

  get isReading(): boolean {
    return this.reading !== "no";
  }

  open(address: string): void {
    const colon = address.lastIndexOf(":");
    const late = setTimeout(() => this.end(false), answerMsMax);
    const over = (): void => this.over();
    void Bun.connect({
      hostname: address.slice(0, colon),
      port: Number(address.slice(colon + 1)),
      socket: {
        open: (socket) => {
          clearTimeout(late);
          if (this.isOver) {
            socket.terminate();
            return;
          }
          this.socket = socket;
          this.signIn();
        },
        data: (_, chunk) => void this.reader.push(chunk),
        close: over,
        error: over,
        connectError: over,
      },
    });
  }

  ping(): void {
    if (this.isSignedIn) this.socket?.write(frameOf(basicPing));
  }

  end(isPolite: boolean): void {
    if (this.isOver) return;
    if (isPolite) this.socket?.shutdown();
    else this.socket?.terminate();
    this.over();
  }

  talk(saying: Saying): void {
    if (this.underWay.has(saying)) return;
    this.underWay.add(saying);
    if (saying.sentMs < 0) saying.sentMs = this.phone.nowMs;
    saying.attempts++;
    saying.channelId = this.channelId;
    const command = saying.toGroup ? Command.GroupTalk : Command.UserTalk;
    const body = { type: 1, body: saying.name, clientId: saying.name };
    this.ask(command, saying.dest, MessageReqSchema, body, (status, answer) => {
      this.underWay.delete(saying);
      if (status >= 300 || status === Status.RateLimited) {
        this.later(status);
        return;
      }
      const { outbox, own } = this.phone;
      outbox.splice(outbox.indexOf(saying), 1);
      saying.answeredMs = this.phone.nowMs;
      saying.messageId = 0n;
      if (status === Status.Success) {
        saying.messageId = fromBinary(MessageRespSchema, answer).messageId;
        own.add(saying.messageId);
        this.phone.got(saying.messageId, saying.name);
      } else if (status !== Status.Forbidden || !saying.toGroup)
        this.phone.broken(`${saying.name} is answered with ${status}`);
      this.phone.flush();
    });
  }

  step(step: Step): void {
    if (this.underWay.has(step)) return;
    this.underWay.add(step);
    if (step.sentMs < 0) step.sentMs = this.phone.nowMs;
    const [command, schema] = step.isJoin
      ? ([Command.GroupJoin, GroupJoinReqSchema] as const)
      : ([Command.GroupQuit, GroupQuitReqSchema] as const);
    const body = { account: step.account, groupId: step.group };
    this.ask(command, step.group, schema, body, (status) => {
      this.underWay.delete(step);
      if (status >= 300) {
        this.later(status);
        return;
      }
      const { steps } = this.phone;
      steps.splice(steps.indexOf(step), 1);
      step.answeredMs = this.phone.nowMs;
      if (status !== Status.Success) this.phone.broken(`a change of membership is answered with ${status}`);
      this.phone.flush();
    });
  }

  private signIn(): void {
    const { account, device } = this.phone;
    this.ask(Command.SignIn, "", LoginReqSchema, { token: account, device }, (status, body) => {
      if (status !== Status.Success) {
        if (status < 300) this.phone.broken(`the sign-in is answered with ${status}`);
        this.end(true);
        return;
      }
      this.channelId = fromBinary(LoginRespSchema, body).channelId;
      this.phone.signedIn(this.channelId);
      this.readIndex();
    });
  }

  /** Reads all above the cursor. */
  private readIndex(): void {
    if (this.reading !== "no") {
      this.reading = "again";
      return;
    }
    this.reading = "once";
    this.readPage();
  }

  private readPage(): void {
    const after = this.phone.lastRead;
    const body = { messageId: after, includeSent: true };
    this.ask(Command.OfflineIndex, "", MessageIndexReqSchema, body, (status, answer) => {
      if (status !== Status.Success) {
        this.retry(status, () => this.readPage());
        return;
      }
      const ids = fromBinary(MessageIndexRespSchema, answer).indexes.map(({ messageId }) => messageId);
      let last = after;
      for (const id of ids) {
        if (id <= last) this.phone.broken(`the index has ${id} behind ${last}`);
        last = id;
      }
      this.readContents(ids, last);
    });
  }

  private readContents(ids: readonly bigint[], last: bigint): void {
    const wanted = ids.filter((id) => !this.phone.seen.has(id)).slice(0, contentsAtOnce);
    if (wanted.length === 0) {
      this.finishPage(ids.length, last);
      return;
    }
    this.ask(Command.OfflineContent, "", MessageContentReqSchema, { messageIds: wanted }, (status, answer) => {
      if (status !== Status.Success) {
        this.retry(status, () => this.readContents(ids, last));
        return;
      }
      const { contents } = fromBinary(MessageContentRespSchema, answer);
      if (contents.length < wanted.length) this.phone.broken("a message of the index has no content");
      for (const { messageId, body } of contents) this.phone.got(messageId, body);
      if (contents.length > 0) this.readContents(ids, last);
      else this.finishPage(ids.length, last);
    });
  }

  private finishPage(count: number, last: bigint): void {
    if (count > 0) {
      this.phone.read(last);
      this.ask(Command.TalkAck, "", MessageAckReqSchema, { messageId: last }, (status) => {
        if (status !== Status.Success && status < 300) this.phone.broken(`ack of ${last} is answered with ${status}`);
      });
    }
    const isAgain = this.reading === "again" || count > 0;
    this.reading = isAgain ? "once" : "no";
    if (isAgain) this.readPage();
  }

  private received(bytes: Buffer): void {
    if (this.isOver) return;
    const packet = decodePacket(bytes);
    if (packet.kind !== "logic") return;
    const { header, body } = packet;
    if (header.flag === Flag.Response) {
      const answered = this.waiting.get(header.sequence);
      this.waiting.delete(header.sequence);
      answered?.(header.status, body);
    } else this.pushed(packet);
  }

  private pushed({ header, body }: LogicPacket): void {
    if (this.channelId === "") this.phone.broken(`${header.command} comes before the answer to the sign-in`);
    if (header.command === Command.Sync && this.phone.heedsHints) this.readIndex();
    if (header.command !== Command.UserTalk && header.command !== Command.GroupTalk) return;
    const { messageId, body: name, sender, previousId } = fromBinary(MessagePushSchema, body);
    const { seen, own, account, pushes } = this.phone;
    this.phone.got(messageId, name);
    const conversation = header.command === Command.GroupTalk ? header.dest : sender;
    pushes.push({ channelId: this.channelId, messageId, name, conversation, atMs: this.phone.nowMs });
    if (sender === account && header.command === Command.UserTalk) return;
    if (previousId !== 0n && !seen.has(previousId) && !own.has(previousId)) this.readIndex();
  }

  private ask<Desc extends DescMessage>(
    command: string,
    dest: string,
    schema: Desc,
    init: MessageInitShape<Desc>,
    answered: OnAnswer,
  ): void {
    const sequence = ++this.sequence;
    const late = setTimeout(() => this.end(false), answerMsMax);
    this.waiting.set(sequence, (status, body) => {
      clearTimeout(late);
      answered(status, body);
    });
    const body = toBinary(schema, create(schema, init));
    this.socket?.write(frameOf(encodeLogicPacket({ command, dest, sequence }, body)));
  }

  private retry(status: Status, action: () => void): void {
    if (status === Status.SessionNotFound) this.end(true);
    else setTimeout(() => this.isOver || action(), 500);
  }

  private later(status: Status): void {
    if (status === Status.SessionNotFound) this.end(true);
    else setTimeout(() => this.phone.flush(), 500);
  }

  private over(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.channelId = "";
    this.phone.ended(this, this.closeCode);
  }
}

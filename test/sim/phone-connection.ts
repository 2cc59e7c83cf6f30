// One connection of a client in a simulation: frames, requests and their answers, and the reading of the index.

import { create, fromBinary, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import { FrameReader } from "../../src/wire/frame-reader.ts";
import { parseCloseText } from "../../src/wire/frame-writer.ts";
import {
  EntryKind,
  EntryRespSchema,
  EventPushSchema,
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
  MessageReactReqSchema,
  MessageReqSchema,
  MessageRespSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { basicPing, decodePacket, encodeLogicPacket, type LogicPacket } from "../../src/wire/packet.ts";
import { frameOf } from "../support/wire-client.ts";

const answerMsMax = 6_000;
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

/** The client that a connection belongs to. */
interface ConnectionOwner {
  readonly account: string;
  readonly device: string;
  readonly heedsHints: boolean;
  readonly seen: Map<bigint, string>;
  readonly own: Set<bigint>;
  readonly entries: Set<bigint>;
  readonly confirmed: Set<bigint>;
  readonly hasFeature: boolean;
  readonly pushes: Pushed[];
  readonly outbox: Saying[];
  readonly steps: Step[];
  readonly nowMs: number;
  /** The id up to which it has read the index. */
  readonly lastRead: bigint;
  signedIn(channelId: string): void;
  /** All up to this id was in the index. */
  read(id: bigint): void;
  got(messageId: bigint, name: string): void;
  /** The server does what it must not do. */
  broken(what: string): void;
  /** Sends what waits. */
  flush(): void;
  ended(connection: PhoneConnection, code: number): void;
}

export class PhoneConnection {
  private readonly phone: ConnectionOwner;
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

  constructor(phone: ConnectionOwner) {
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

  react(messageId: bigint): void {
    const body = { messageId, reaction: "r" };
    this.ask(Command.MessageReact, "", MessageReactReqSchema, body, (status, answer) => {
      if (status === Status.SessionNotFound) this.end(true);
      if (status < 300 && status !== Status.Success && status !== Status.Forbidden)
        this.phone.broken(`a reaction is answered with ${status}`);
      if (status !== Status.Success) return;
      const { entryId } = fromBinary(EntryRespSchema, answer);
      this.phone.entries.add(entryId);
      this.phone.confirmed.add(entryId);
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
    const features = this.phone.hasFeature ? ["conversations"] : [];
    this.ask(Command.SignIn, "", LoginReqSchema, { token: account, device, features }, (status, body) => {
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
    const body = { messageId: after, includeSent: true, includeEvents: this.phone.hasFeature };
    this.ask(Command.OfflineIndex, "", MessageIndexReqSchema, body, (status, answer) => {
      if (status !== Status.Success) {
        this.retry(status, () => this.readPage());
        return;
      }
      const { indexes } = fromBinary(MessageIndexRespSchema, answer);
      let last = after;
      const ids: bigint[] = [];
      for (const { messageId: id, kind } of indexes) {
        if (id <= last) this.phone.broken(`the index has ${id} behind ${last}`);
        last = id;
        if (kind === EntryKind.EntryMessage) ids.push(id);
        else this.phone.entries.add(id);
      }
      this.readContents(ids, last);
    });
  }

  private readContents(ids: readonly bigint[], last: bigint): void {
    const wanted = ids.filter((id) => !this.phone.seen.has(id)).slice(0, contentsAtOnce);
    if (wanted.length === 0) {
      this.finishPage(last);
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
      else this.finishPage(last);
    });
  }

  private finishPage(last: bigint): void {
    const isMore = last > this.phone.lastRead;
    if (isMore) {
      this.phone.read(last);
      this.ask(Command.TalkAck, "", MessageAckReqSchema, { messageId: last }, (status) => {
        if (status !== Status.Success && status < 300) this.phone.broken(`ack of ${last} is answered with ${status}`);
      });
    }
    const isAgain = this.reading === "again" || isMore;
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
    if (header.command === Command.Event) this.event(body);
    if (header.command !== Command.UserTalk && header.command !== Command.GroupTalk) return;
    const { messageId, body: name, sender, previousId, previousEntryId } = fromBinary(MessagePushSchema, body);
    if (previousEntryId !== 0n && !this.phone.hasFeature) this.phone.broken("a push shows what is for newer clients");
    const { seen, own, account, pushes } = this.phone;
    this.phone.got(messageId, name);
    const conversation = header.command === Command.GroupTalk ? header.dest : sender;
    pushes.push({ channelId: this.channelId, messageId, name, conversation, atMs: this.phone.nowMs });
    if (sender === account && header.command === Command.UserTalk) return;
    if (previousId !== 0n && !seen.has(previousId) && !own.has(previousId)) this.readIndex();
    else this.expectEntry(previousEntryId);
  }

  private event(body: Uint8Array): void {
    if (!this.phone.hasFeature) this.phone.broken("an entry is pushed to a client without the feature");
    const { entryId, actor, group, previousEntryId } = fromBinary(EventPushSchema, body);
    this.phone.entries.add(entryId);
    if (actor !== this.phone.account || group !== "") this.expectEntry(previousEntryId);
  }

  private expectEntry(entryId: bigint): void {
    if (entryId !== 0n && !this.phone.entries.has(entryId)) this.readIndex();
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

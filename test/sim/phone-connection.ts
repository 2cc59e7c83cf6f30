// One connection of a simulated client: the sign-in, what people want, and pushes.

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { ConversationName } from "../../src/store/conversations.ts";
import { Command, type CommandName } from "../../src/wire/commands.ts";
import {
  AccountStateChangeSchema,
  AccountStateRespSchema,
  EntryKind,
  EntryRespSchema,
  EventPushSchema,
  GroupAddReqSchema,
  GroupAddRespSchema,
  GroupJoinReqSchema,
  GroupQuitReqSchema,
  GroupRemoveReqSchema,
  LoginReqSchema,
  LoginRespSchema,
  MessagePushSchema,
  MessageReqSchema,
  MessageRespSchema,
  ReadNotifySchema,
  SignalSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import type { LogicPacket } from "../../src/wire/packet.ts";
import { nameOf, namedBy } from "./phone-disk.ts";
import { PhoneIndex } from "./phone-index.ts";
import { PhonePresence } from "./phone-presence.ts";
import type { ConnectionOwner, Saying, Step, Wish } from "./phone-owner.ts";
import { PhoneViews } from "./phone-views.ts";
import { PhoneWire } from "./phone-wire.ts";

/** Of changes: the message was recalled or is not there, or its actor may not do that any more. */
const refusals: ReadonlySet<Status> = new Set([Status.Forbidden, Status.NotFound]);
const newCommands: ReadonlySet<string> = new Set([
  Command.Event,
  Command.ConversationRead,
  Command.AccountChanged,
  Command.PresenceChanged,
  Command.Signal,
]);

export class PhoneConnection {
  readonly views: PhoneViews;
  readonly presence: PhonePresence;
  private readonly index: PhoneIndex;
  private readonly phone: ConnectionOwner;
  private readonly wire: PhoneWire;
  private readonly underWay = new Set<object>();
  private channelId = "";

  constructor(phone: ConnectionOwner) {
    this.phone = phone;
    this.wire = new PhoneWire({
      opened: () => this.signIn(),
      pushed: (packet) => this.pushed(packet),
      closed: (code) => {
        this.channelId = "";
        phone.ended(code);
      },
    });
    this.views = new PhoneViews(phone, this.wire);
    this.presence = new PhonePresence(phone, this.wire);
    this.index = new PhoneIndex(phone, this.wire, () => this.views.refresh());
  }

  get isSignedIn(): boolean {
    return this.channelId !== "" && !this.wire.isOver;
  }

  get isReading(): boolean {
    return this.index.isReading || !this.views.isDone || !this.presence.isDone;
  }

  open(address: string): void {
    this.wire.open(address);
  }

  ping(): void {
    if (this.isSignedIn) this.wire.ping();
  }

  end(isPolite: boolean): void {
    this.wire.end(isPolite);
  }

  talk(saying: Saying): void {
    if (this.underWay.has(saying)) return;
    this.underWay.add(saying);
    if (saying.sentMs < 0) saying.sentMs = this.phone.nowMs;
    saying.attempts++;
    saying.channelId = this.channelId;
    const { name, mentions, replyTo, toGroup, dest, sender } = saying;
    const { confirmed } = this.phone;
    const command = toGroup ? Command.GroupTalk : Command.UserTalk;
    const body = { type: 1, body: name, clientId: name, mentions: [...mentions], replyTo };
    const sequence = this.wire.ask(command, dest, MessageReqSchema, body, (status, answer) => {
      this.underWay.delete(saying);
      if (status >= 300) {
        this.wire.later(status, () => this.phone.flush());
        return;
      }
      const { outbox } = this.phone;
      outbox.splice(outbox.indexOf(saying), 1);
      saying.answeredMs = this.phone.nowMs;
      saying.messageId = 0n;
      if (status === Status.Success) {
        const { messageId } = fromBinary(MessageRespSchema, answer);
        saying.messageId = messageId;
        confirmed.said(messageId);
        this.phone.got({ messageId, sender, toGroup, dest, text: name, isRecalled: false });
      } else if (status !== Status.Forbidden || (!toGroup && !confirmed.mayBlock(dest, sender)))
        this.phone.broken(`${name} is answered with ${status}`);
      this.phone.flush();
    });
    confirmed.attempt(this.channelId, sequence);
  }

  wish(wish: Wish): void {
    if (this.underWay.has(wish)) return;
    this.underWay.add(wish);
    const sequence = this.wire.askEncoded(wish.command, "", wish.body, (status, answer) => {
      this.underWay.delete(wish);
      if (status >= 300) {
        this.wire.later(status, () => this.phone.flush());
        return;
      }
      const { wishes } = this.phone;
      wishes.splice(wishes.indexOf(wish), 1);
      if (status === Status.Success) this.granted(wish, answer);
      else if (!refusals.has(status)) this.phone.broken(`${wish.command} is answered with ${status}`);
      this.phone.flush();
    });
    const { secrets, account } = this.phone;
    if (wish.name !== undefined) secrets.attempt(this.channelId, sequence, account, wish.name);
  }

  /** It is not repeated, whatever is answered. */
  signal(name: ConversationName, kind: string): void {
    const { secrets, account, confirmed } = this.phone;
    const named = name.toGroup ? { group: name.dest } : { account: name.dest };
    const sequence = this.wire.ask(Command.Signal, "", SignalSchema, { ...named, kind, body: "b" }, (status) => {
      const mayBeForbidden = name.toGroup || confirmed.mayBlock(name.dest, account);
      if (status !== Status.Success && status < 300 && (status !== Status.Forbidden || !mayBeForbidden))
        this.phone.broken(`a signal is answered with ${status}`);
    });
    secrets.attempt(this.channelId, sequence, account, name);
  }

  private granted({ command, messageId, text, name }: Wish, answer: Uint8Array): void {
    const { confirmed, disk } = this.phone;
    switch (command) {
      case Command.ConversationRead: {
        if (name === undefined) return;
        const reads = disk.reads(name);
        if (messageId > reads.own) reads.own = messageId;
        return;
      }
      case Command.ConversationSet:
      case Command.ConversationClear:
      case Command.MessageHide:
      case Command.AccountBlock:
      case Command.AccountUnblock: {
        fromBinary(AccountStateChangeSchema, answer);
        this.views.readState();
        return;
      }
      default: {
        const { entryId } = fromBinary(EntryRespSchema, answer);
        if (command === Command.MessageEdit) confirmed.edited(messageId, entryId);
        if (command === Command.MessageRecall) confirmed.recalled(messageId);
        if (entryId !== 0n) {
          confirmed.entries.add(entryId);
          disk.entries.add(entryId);
        }
        if (text !== "" || command === Command.MessageRecall) disk.outdate(messageId);
        this.views.refresh();
      }
    }
  }

  step(step: Step): void {
    if (this.underWay.has(step)) return;
    this.underWay.add(step);
    if (step.sentMs < 0) step.sentMs = this.phone.nowMs;
    step.attempts++;
    const { command, body } = commandOf(step, this.phone.account);
    this.wire.askEncoded(command, step.group, body, (status, answer) => {
      this.underWay.delete(step);
      if (status >= 300) {
        this.wire.later(status, () => this.phone.flush());
        return;
      }
      const { steps } = this.phone;
      steps.splice(steps.indexOf(step), 1);
      if (step.account === this.phone.account && status !== Status.Success)
        this.phone.broken(`a change of membership is answered with ${status}`);
      this.stepped(step, command, status, answer);
      this.phone.flush();
    });
  }

  private stepped(step: Step, command: string, status: Status, answer: Uint8Array): void {
    const { phone } = this;
    const isAdd = command === Command.GroupAdd && status === Status.Success;
    const isUnwilling = isAdd && fromBinary(GroupAddRespSchema, answer).unwilling.includes(step.account);
    if (status !== Status.Success || isUnwilling) {
      if (status !== Status.Success && status !== Status.Forbidden)
        phone.broken(`${command} is answered with ${status}`);
      // An earlier attempt may have been done.
      if (step.attempts === 1 || isUnwilling) step.isVoid = true;
      return;
    }
    step.answeredMs = phone.nowMs;
    // Its entry is told to others, and by the index.
    if (phone.hasFeature) this.index.read();
  }

  private signIn(): void {
    const { account, device, hasFeature } = this.phone;
    const features = hasFeature ? ["conversations"] : [];
    this.wire.ask(Command.SignIn, "", LoginReqSchema, { token: account, device, features }, (status, body) => {
      if (status !== Status.Success) {
        if (status < 300) this.phone.broken(`the sign-in is answered with ${status}`);
        this.end(true);
        return;
      }
      this.channelId = fromBinary(LoginRespSchema, body).channelId;
      this.phone.signedIn(this.channelId);
      this.look();
    });
  }

  /** Reads all that may have changed. */
  private look(): void {
    this.index.read();
    if (!this.phone.hasFeature) return;
    this.views.read();
    this.presence.watch();
  }

  private pushed(packet: LogicPacket): void {
    const { command } = packet.header;
    const { phone } = this;
    if (this.channelId === "") phone.broken(`${command} comes before the answer to the sign-in`);
    if (newCommands.has(command) && !phone.hasFeature)
      phone.broken(`${command} is pushed to a client without the feature`);
    switch (command) {
      case Command.Sync:
        if (phone.heedsHints) this.look();
        return;
      case Command.Event:
        if (!phone.losesEvent()) this.event(packet.body);
        return;
      case Command.ConversationRead:
        this.readNotified(packet);
        return;
      case Command.PresenceChanged:
        if (!phone.losesPresence()) this.presence.pushed(packet.body);
        return;
      case Command.Signal: {
        const { sender } = fromBinary(SignalSchema, packet.body);
        const { channelId, sequence } = packet.header;
        phone.secrets.signalled(phone.label, phone.account, sender, channelId, sequence);
        return;
      }
      case Command.AccountChanged:
        phone.disk.apply(fromBinary(AccountStateRespSchema, packet.body));
        return;
      case Command.UserTalk:
      case Command.GroupTalk:
        this.message(packet);
    }
  }

  private message({ header, body }: LogicPacket): void {
    const { phone } = this;
    const { disk, account, pushes, confirmed, hasFeature } = phone;
    const push = fromBinary(MessagePushSchema, body);
    const { messageId, body: text, sender, previousId, previousEntryId, mentions, replyTo } = push;
    if (!hasFeature && (previousEntryId !== 0n || mentions.length > 0 || replyTo !== 0n))
      phone.broken("a push shows what is for newer clients");
    const toGroup = header.command === Command.GroupTalk;
    confirmed.pushed(phone.label, messageId, text, header.channelId, header.sequence);
    if (hasFeature)
      confirmed.before(phone.label, messageId, toGroup ? "" : header.dest, toGroup ? header.dest : "", previousEntryId);
    const dest = toGroup || sender === account ? header.dest : sender;
    phone.got({ messageId, sender, toGroup, dest, text, isRecalled: false });
    const conversation = toGroup ? header.dest : sender;
    pushes.push({ channelId: this.channelId, messageId, name: nameOf(text), conversation });
    if (sender === account && !toGroup) return;
    if (previousId !== 0n && !disk.known.has(previousId)) this.index.read();
    else this.expectEntry(previousEntryId);
  }

  private event(body: Uint8Array): void {
    const { phone } = this;
    const { entryId, kind, refersTo, actor, account, group, previousEntryId, detail } = fromBinary(
      EventPushSchema,
      body,
    );
    const text = nameOf(phone.disk.known.get(refersTo)?.text ?? "");
    if (text !== "" && Buffer.from(body).includes(text)) phone.broken(`the entry ${entryId} is pushed with a text`);
    const isPlain = kind === EntryKind.EntryEdited || kind === EntryKind.EntryRecalled;
    if ((detail !== undefined) === isPlain) phone.broken(`${entryId} lacks its detail, or has one`);
    phone.confirmed.before(phone.label, entryId, account, group, previousEntryId);
    phone.learn(entryId, kind, refersTo);
    this.views.refresh();
    if (actor !== phone.account || group !== "") this.expectEntry(previousEntryId);
  }

  private readNotified({ header, body }: LogicPacket): void {
    const { phone } = this;
    const { reader, messageId, ...named } = fromBinary(ReadNotifySchema, body);
    const name = namedBy(named);
    const isMine = reader === phone.account;
    if (!isMine && (name.toGroup || name.dest !== phone.account))
      phone.broken(`it is told how far ${reader} has read ${name.dest}`);
    phone.secrets.readBy(phone.label, phone.account, reader, header.channelId, header.sequence);
    const reads = phone.disk.reads(isMine ? name : { toGroup: false, dest: reader });
    if (isMine && messageId > reads.own) reads.own = messageId;
    if (!isMine && messageId > reads.peer) reads.peer = messageId;
  }

  private expectEntry(entryId: bigint): void {
    if (entryId !== 0n && !this.phone.disk.entries.has(entryId)) this.index.read();
  }
}

/** One changes one's own membership as clients without the feature do, too, and another's as an admin. */
function commandOf(
  { group, account, isJoin }: Step,
  actor: string,
): { readonly command: CommandName; body: Uint8Array } {
  if (account === actor) {
    const body = { account, groupId: group };
    return isJoin
      ? { command: Command.GroupJoin, body: toBinary(GroupJoinReqSchema, create(GroupJoinReqSchema, body)) }
      : { command: Command.GroupQuit, body: toBinary(GroupQuitReqSchema, create(GroupQuitReqSchema, body)) };
  }
  const body = { group, accounts: [account] };
  return isJoin
    ? { command: Command.GroupAdd, body: toBinary(GroupAddReqSchema, create(GroupAddReqSchema, body)) }
    : { command: Command.GroupRemove, body: toBinary(GroupRemoveReqSchema, create(GroupRemoveReqSchema, body)) };
}

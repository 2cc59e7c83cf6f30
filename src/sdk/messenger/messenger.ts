// The second entry of the client library: a RoostClient that knows conversations. It asks for the feature
// `conversations`, reads the whole log (own messages and changes, too), and keeps the list and the timelines current.

import { closeAbnormal } from "../../wire/close-reason.ts";
import { Command } from "../../wire/commands.ts";
import { Feature } from "../../wire/features.ts";
import { AccountStateResp } from "../../wire/gen/messages/account-state-resp.ts";
import { EventPush } from "../../wire/gen/messages/event-push.ts";
import { MessageEditReq } from "../../wire/gen/messages/message-edit-req.ts";
import { MessageReactReq } from "../../wire/gen/messages/message-react-req.ts";
import { MessageRecallReq } from "../../wire/gen/messages/message-recall-req.ts";
import type { Header } from "../../wire/gen/messages/header.ts";
import type { LoginResp } from "../../wire/gen/messages/login-resp.ts";
import type { MessageIndex } from "../../wire/gen/messages/message-index.ts";
import { MessageReadersReq } from "../../wire/gen/messages/message-readers-req.ts";
import { MessageReadersResp } from "../../wire/gen/messages/message-readers-resp.ts";
import { ReadNotify } from "../../wire/gen/messages/read-notify.ts";
import { decodeMessage } from "../../wire/message-codec.ts";
import { Disconnected } from "../client-errors.ts";
import { Emitter, type Handler } from "../emitter.ts";
import type { Message } from "../message.ts";
import { RoostClient } from "../roost-client.ts";
import { inTime } from "../repeat.ts";
import { filled, type Stored, type Talk, type TalkOptions } from "../talk.ts";
import { type Ask, patient } from "../ask.ts";
import { Changes } from "./changes.ts";
import { blank, newMessage } from "./chat-message.ts";
import { ConversationList } from "./conversation-list.ts";
import { Conversation, type ConversationOwner } from "./conversation.ts";
import { readHistory } from "./history.ts";
import { changed, edited, type MessageChange, reacted } from "./message-changes.ts";
import { type ChangeKind, MessageDesk } from "./message-desk.ts";
import type { ChatMessage, MessengerEvents, MessengerOptions, Partner } from "./messenger-types.ts";
import { Outbox } from "./outbox.ts";
import { OwnState } from "./own-state.ts";
import { entryOf, keyOf, partnerOf, partnerOfMessage } from "./partner.ts";
import { ReadMarks } from "./read-marks.ts";
import { TalksUnderWay } from "./talks-under-way.ts";
import { Timelines } from "./timelines.ts";

export type { ConversationList } from "./conversation-list.ts";
export type { Conversation } from "./conversation.ts";
export type * from "./messenger-types.ts";
export type * from "./outbox-storage.ts";

/** By EntryKind, whose names a page need not load. */
const kinds: readonly (ChangeKind | undefined)[] = [undefined, "edited", "recalled", "reacted"];
/** How long the list waits for the own state, in milliseconds. */
const stateMsMax = 5_000;
const closeNotGranted = { ...closeAbnormal, text: "the server does not offer conversations" };

/** A RoostClient that knows conversations. `Messenger.connect(options)` makes one. */
export class Messenger extends RoostClient {
  readonly conversations: ConversationList;
  private readonly notices: Emitter<MessengerEvents>;
  /** Whether the server granted conversations at the last sign-in; undefined before the first one. */
  private isGranted: boolean | undefined;
  private stateRead: Promise<void> = Promise.resolve();
  private readonly timelines = new Timelines();
  private readonly talks = new TalksUnderWay();
  private readonly outbox: Outbox;
  private readonly desk: MessageDesk;
  private readonly ownState: OwnState;
  /** The newest entry of the log that was not a message. */
  private entryId = 0n;
  private readonly marks: ReadMarks;
  private readonly handles: ConversationOwner;
  private readonly ask: Ask = (command, type, init, responseType) =>
    this.isOnline && this.isGranted === false
      ? Promise.reject(new Disconnected(closeNotGranted))
      : this.request(command, "", type, init, responseType);
  private readonly patientAsk: Ask;

  protected constructor(options: MessengerOptions) {
    const notices = new Emitter<MessengerEvents>(options.on);
    super(options, notices, [Feature.Conversations]);
    this.notices = notices;
    const { ask, environment, timelines } = this;
    const patientAsk = patient(ask, environment);
    this.patientAsk = patientAsk;
    const parts = {
      ...{ ask, patientAsk, environment, notices, timelines },
      changes: new Changes<bigint, MessageChange>(),
      account: () => this.account,
      stored: (entryId: bigint) => this.synchroniser.sent(entryId),
      shown: (partner: Partner, message: ChatMessage) =>
        this.ownState.isGone(partner, message.id) ? undefined : changed(message, parts.changes.of(message.id)),
      gone: (ids: readonly bigint[]) => this.ownState.gone(ids),
      pending: (partner: Partner) => this.outbox.pending(partner),
      fetch: (id: bigint) => this.desk.fetcher.fetch(id),
      markedRead: (key: string) => this.marks.of(key),
    };
    const conversations = new ConversationList(parts);
    this.conversations = conversations;
    this.ownState = new OwnState({ ...parts, conversations });
    this.desk = new MessageDesk({ ...parts, conversations });
    this.marks = new ReadMarks(patientAsk, conversations);
    this.outbox = new Outbox({
      environment,
      account: () => this.account,
      isOnline: () => this.isOnline && this.isGranted === true,
      send: (partner, draft, clientId) =>
        "group" in partner
          ? this.talkToGroup(partner.group, draft, { clientId })
          : this.talkToUser(partner.account, draft, { clientId }),
      changed: (partner, clientId, as) => {
        for (const timeline of timelines.of(partner)) timeline.note();
        if (clientId !== undefined) void notices.emit("outboxChanged", { partner, clientId, stored: as });
      },
      storageFailed: (error) => void notices.emit("outboxFailed", { error }),
    });
    const { ownState, marks, outbox } = this;
    this.handles = { ...parts, conversations, ownState, marks, outbox };
  }

  /**
   * Connects and signs in, as `RoostClient.connect` does. `prepare` is called before: for what must not miss the first
   * entry of the log, such as `Community.of`.
   * @throws Error if the server does not offer conversations (use RoostClient there), and what the `outbox` that was
   * chosen throws, besides
   */
  static override async connect(
    options: MessengerOptions,
    prepare?: (client: Messenger) => unknown,
  ): Promise<Messenger> {
    const client = new Messenger(options);
    prepare?.(client);
    await client.start(options.signal);
    try {
      if (client.isGranted === false) throw new Error(closeNotGranted.text);
      const { lookup = [], url = [], device = "", outbox } = options;
      const [server = ""] = [lookup, url].flat();
      await client.outbox.start({ server, account: client.account, device: await device }, outbox);
    } catch (error) {
      await client.close();
      throw error;
    }
    return client;
  }

  override on<Name extends keyof MessengerEvents>(name: Name, handler: Handler<MessengerEvents[Name]>): () => void {
    return this.notices.on(name, handler);
  }

  override async close(): Promise<void> {
    await super.close();
    await this.outbox.close();
  }

  /** A handle, which need not be kept: another one of the same partner does the same. */
  conversation(partner: Partner): Conversation {
    return new Conversation(this.handles, partner);
  }

  /** Overwrites the text of an own message. Timelines show it at once, and the former one again if it is refused. */
  edit(
    messageId: bigint,
    { body, extra = "" }: { readonly body: string; readonly extra?: string },
    { clientId = this.environment.newId() }: TalkOptions = {},
  ): Promise<void> {
    const request = { messageId, body, extra, clientId };
    return this.desk.change("edited", messageId, edited(body, extra), Command.MessageEdit, MessageEditReq, request);
  }

  /** Takes a message back, for everybody. Shown at once, like `edit`. */
  recall(messageId: bigint): Promise<void> {
    return this.desk.change("recalled", messageId, blank, Command.MessageRecall, MessageRecallReq, { messageId });
  }

  /** Adds a reaction (1 to 32 bytes), or takes it back. Shown at once, like `edit`. */
  react(messageId: bigint, reaction: string, isOn = true): Promise<void> {
    const request = { messageId, reaction, off: !isOn };
    return this.desk.change(
      "reacted",
      messageId,
      reacted(reaction, isOn),
      Command.MessageReact,
      MessageReactReq,
      request,
    );
  }

  /** Hides messages from this account, on all its devices; at most 200. Shown at once, like `edit`. */
  hideMessages(messageIds: readonly bigint[]): Promise<void> {
    return this.ownState.hide(messageIds);
  }

  /** Who has read a message of a group. */
  readers(
    messageId: bigint,
    { after = "", limit = 0 }: { readonly after?: string; readonly limit?: number } = {},
  ): Promise<{ readonly count: number; readonly accounts: readonly string[]; readonly hasMore: boolean }> {
    return this.ask(Command.MessageReaders, MessageReadersReq, { messageId, after, limit }, MessageReadersResp);
  }

  /** Messages by id, at most 200, those that this account may read. */
  async messages(messageIds: readonly bigint[]): Promise<readonly ChatMessage[]> {
    return messageIds.length === 0 ? [] : (await readHistory(this.ask, { messageIds })).messages;
  }

  /** What waits in the outbox, for one partner or for all. */
  pending(partner?: Partner): readonly ChatMessage[] {
    return this.outbox.pending(partner);
  }

  /** Sends a failed message of the outbox again. */
  retry(clientId: string): void {
    this.outbox.retry(clientId);
  }

  /** Removes a message from the outbox. One that is being sent may be stored nevertheless. */
  discard(clientId: string): Promise<void> {
    return this.outbox.discard(clientId);
  }

  protected override regrouped(): void {
    this.conversations.readAgain();
    // Its entries are there for all that follow the log.
    this.synchroniser.read();
  }

  protected override signedIn({ features }: LoginResp): void {
    this.isGranted = features.includes(Feature.Conversations);
    // The index does not tell of changes then.
    if (!this.isGranted) return this.timelines.spoil();
    this.stateRead = this.ownState.read();
    this.desk.fetcher.online();
    this.environment.after(0, () => this.outbox.online());
    void this.marks.online();
  }

  protected override disconnected(isForGood: boolean): void {
    this.desk.fetcher.offline();
    if (isForGood) void this.outbox.close();
    this.conversations.stop(isForGood, new Disconnected(closeAbnormal));
  }

  protected override positioned(hasJumped: boolean): void {
    if (hasJumped) this.timelines.spoil();
    if (this.isGranted !== true) return;
    const go = (): void => {
      if (!this.isOnline) return;
      this.conversations.start();
      for (const timeline of this.timelines.all())
        if (timeline.isStale) timeline.reload(this.patientAsk).catch(() => undefined);
    };
    // What is hidden is known then, unless the server has trouble with that.
    void inTime(this.environment, stateMsMax, this.stateRead, "").then(go, go);
  }

  protected override deliver(message: Message): Promise<boolean> | undefined {
    const partner = partnerOfMessage(message, this.account);
    const isMine = message.sender === this.account;
    this.arrived(partner, newMessage(message), isMine);
    return this.talks.inTurn(message.id, isMine ? keyOf(partner) : "", () => super.deliver(message));
  }

  protected override entry(entry: MessageIndex): void {
    const { kind, refersTo, direction, accountB: account, group, messageId, detail } = entry;
    if (messageId > this.entryId) this.entryId = messageId;
    const name = kinds[kind];
    if (name !== undefined) {
      const actor = direction === 1 ? this.account : account;
      void this.desk.changed(partnerOf({ account, group }), name, actor, refersTo);
    } else if (
      detail !== undefined &&
      (detail.accounts.includes(this.account) || detail.count > detail.accounts.length)
    )
      this.conversations.readAgain();
  }

  protected override async talk(
    command: string,
    dest: string,
    talk: Talk,
    { clientId = this.environment.newId() }: TalkOptions,
  ): Promise<Stored> {
    const partner = command === Command.GroupTalk ? { group: dest } : { account: dest };
    const stored = await this.talks.follow(keyOf(partner), super.talk(command, dest, talk, { clientId }));
    this.arrived(partner, newMessage({ ...stored, ...filled(talk), sender: this.account }, clientId), true);
    return stored;
  }

  protected override pushed(header: Header, body: Uint8Array): void {
    switch (header.command) {
      case Command.Event: {
        const push = decodeMessage(EventPush, body);
        if (push === undefined) return this.synchroniser.read();
        return this.synchroniser.pushed(entryOf(push, this.account), push.previousEntryId);
      }
      case Command.ConversationRead: {
        const notify = decodeMessage(ReadNotify, body);
        if (notify !== undefined) this.read(notify);
        return;
      }
      case Command.AccountChanged: {
        const state = decodeMessage(AccountStateResp, body);
        if (state !== undefined) this.ownState.pushed(state);
        return;
      }
      case Command.Sync:
        void this.ownState.read().then(() => this.conversations.readAgain());
    }
    super.pushed(header, body);
  }

  private arrived(partner: Partner, message: ChatMessage, isMine: boolean): void {
    if (this.ownState.isGone(partner, message.id)) return;
    const isMention = message.mentions.some((name) => name === "*" || name === this.account);
    this.conversations.update(partner, (record) => record.arrived(message, isMine, isMention), true);
    for (const timeline of this.timelines.of(partner)) timeline.arrived(message);
    // Entries and messages come by different ways: what changed this one may have come before it.
    if (message.id < this.entryId) void this.desk.fetcher.fetch(message.id);
  }

  private read({ reader, account, group, messageId }: ReadNotify): void {
    const isMine = reader === this.account;
    const partner = partnerOf({ account: isMine ? account : reader, group });
    this.conversations.update(partner, (record) => (isMine ? record.read(messageId) : record.peerRead(messageId)));
    void this.notices.emit("read", { partner, account: reader, messageId });
  }
}

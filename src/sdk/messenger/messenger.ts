// The second entry of the client library: a RoostClient that knows conversations. It asks for the feature
// `conversations`, reads the whole log (own messages and changes, too), and keeps the list and the timelines current.

import { closeAbnormal } from "../../wire/close-reason.ts";
import { Command } from "../../wire/commands.ts";
import { Feature } from "../../wire/features.ts";
import { AccountStateChange } from "../../wire/gen/messages/account-state-change.ts";
import { AccountStateResp } from "../../wire/gen/messages/account-state-resp.ts";
import { EntryKind } from "../../wire/gen/messages/entry-kind.ts";
import { EventPush } from "../../wire/gen/messages/event-push.ts";
import type { Header } from "../../wire/gen/messages/header.ts";
import type { LoginResp } from "../../wire/gen/messages/login-resp.ts";
import { MessageHideReq } from "../../wire/gen/messages/message-hide-req.ts";
import type { MessageIndex } from "../../wire/gen/messages/message-index.ts";
import { MessageReadersReq } from "../../wire/gen/messages/message-readers-req.ts";
import { MessageReadersResp } from "../../wire/gen/messages/message-readers-resp.ts";
import { ReadNotify } from "../../wire/gen/messages/read-notify.ts";
import { decodeMessage } from "../../wire/message-codec.ts";
import { Disconnected } from "../client-errors.ts";
import { Emitter, type Handler } from "../emitter.ts";
import type { CreatedGroup, GroupDraft } from "../group.ts";
import type { Message } from "../message.ts";
import { RoostClient, type Stored, type Talk, type TalkOptions } from "../roost-client.ts";
import type { Ask } from "./ask.ts";
import { newMessage } from "./chat-message.ts";
import { ConversationList } from "./conversation-list.ts";
import { Conversation } from "./conversation.ts";
import { readHistory } from "./history.ts";
import { MessageChanges } from "./message-changes.ts";
import { type ChangeKind, MessageDesk } from "./message-desk.ts";
import type { ChatMessage, Draft, MessengerEvents, MessengerOptions, Partner, Timeline } from "./messenger-types.ts";
import { Outbox } from "./outbox.ts";
import { OwnState } from "./own-state.ts";
import { entryOf, keyOf, partnerOf, partnerOfEntry, partnerOfMessage } from "./partner.ts";
import { ReadMarks } from "./read-marks.ts";
import { TalksUnderWay } from "./talks-under-way.ts";
import { Timelines } from "./timelines.ts";

export type { ConversationList } from "./conversation-list.ts";
export type { Conversation } from "./conversation.ts";
export type * from "./messenger-types.ts";
export type * from "./outbox-storage.ts";

const kinds: { readonly [kind: number]: ChangeKind } = {
  [EntryKind.EntryEdited]: "edited",
  [EntryKind.EntryRecalled]: "recalled",
  [EntryKind.EntryReacted]: "reacted",
};
const closeNotGranted = { ...closeAbnormal, text: "the server does not offer conversations" };

/** A RoostClient that knows conversations. `Messenger.connect(options)` makes one. */
export class Messenger extends RoostClient {
  readonly conversations: ConversationList;
  private readonly notices: Emitter<MessengerEvents>;
  /** Whether the server granted conversations at the last sign-in; undefined before the first one. */
  private isGranted: boolean | undefined;
  private signIns = 0;
  private stateRead: Promise<void> = Promise.resolve();
  private readonly handles = new Map<string, Conversation>();
  private readonly timelines = new Timelines();
  private readonly changes = new MessageChanges();
  private readonly talks = new TalksUnderWay();
  private readonly outbox: Outbox;
  private readonly desk: MessageDesk;
  private readonly ownState: OwnState;
  private readonly marks: ReadMarks;
  private readonly ask: Ask = (command, type, init, responseType) =>
    this.isOnline && this.isGranted === false
      ? Promise.reject(new Disconnected(closeNotGranted))
      : this.request(command, "", type, init, responseType);

  protected constructor(options: MessengerOptions) {
    const notices = new Emitter<MessengerEvents>(options.on);
    super(options, notices, [Feature.Conversations]);
    this.notices = notices;
    const { ask, environment } = this;
    const shown = (message: ChatMessage): ChatMessage => this.changes.shown(message);
    this.conversations = new ConversationList({
      ...{ ask, environment, shown },
      markedRead: (key) => this.marks.of(key),
      changed: (keys) => void notices.emit("conversationsChanged", { keys }),
    });
    const { conversations, timelines } = this;
    this.ownState = new OwnState(ask, conversations, timelines);
    const stored = (entryId: bigint): boolean => this.synchroniser.sent(entryId);
    this.desk = new MessageDesk(
      { ...{ ask, environment, notices, conversations, timelines, stored }, account: () => this.account },
      this.changes,
    );
    this.marks = new ReadMarks(ask, (partner, id) =>
      this.conversations.update(partner, (record) => record.read(id), false),
    );
    this.outbox = new Outbox({
      environment,
      account: () => this.account,
      isOnline: () => this.isOnline && this.isGranted === true,
      send: (partner, draft, clientId) =>
        "group" in partner
          ? this.talkToGroup(partner.group, draft, { clientId })
          : this.talkToUser(partner.account, draft, { clientId }),
      changed: (partner, clientId, as) => {
        for (const timeline of this.timelines.of(partner)) timeline.note();
        if (clientId !== undefined) void notices.emit("outboxChanged", { partner, clientId, stored: as });
      },
      storageFailed: (error) => void notices.emit("outboxFailed", { error }),
    });
    const mine = ({ account }: { readonly account: string }): void => {
      if (account === this.account) this.conversations.readAgain();
    };
    this.on("groupCreated", () => this.conversations.readAgain());
    this.on("groupJoined", mine);
    this.on("groupQuit", mine);
  }

  /**
   * Connects and signs in, as `RoostClient.connect` does.
   * @throws Error if the server does not offer conversations, and what the `outbox` that was chosen throws, besides
   */
  static override async connect(options: MessengerOptions): Promise<Messenger> {
    const client = new Messenger(options);
    await client.start(options.signal);
    if (client.isGranted === false) {
      await client.close();
      throw new Error(`${closeNotGranted.text}: connect to a newer one, or use RoostClient`);
    }
    try {
      await client.outbox.start({ account: client.account, device: options.device ?? "" }, options.outbox);
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

  /** The same object for the same partner. */
  conversation(partner: Partner): Conversation {
    const key = keyOf(partner);
    let handle = this.handles.get(key);
    if (handle === undefined) this.handles.set(key, (handle = new Conversation(this.owner(), partner)));
    return handle;
  }

  /** Overwrites the text of an own message. Timelines show it at once, and the former one again if it is refused. */
  edit(
    messageId: bigint,
    { body, extra = "" }: { readonly body: string; readonly extra?: string },
    { clientId = this.environment.newId() }: TalkOptions = {},
  ): Promise<void> {
    return this.desk.edit(messageId, body, extra, clientId);
  }

  /** Takes a message back, for everybody. Shown at once, like `edit`. */
  recall(messageId: bigint): Promise<void> {
    return this.desk.recall(messageId);
  }

  /** Adds a reaction (1 to 32 bytes), or takes it back. Shown at once, like `edit`. */
  react(messageId: bigint, reaction: string, isOn = true): Promise<void> {
    return this.desk.react(messageId, reaction, isOn);
  }

  override async newGroup(draft: GroupDraft): Promise<CreatedGroup> {
    const created = await super.newGroup(draft);
    this.conversations.readAgain();
    return created;
  }

  override async joinGroup(group: string, account = this.account): Promise<void> {
    await super.joinGroup(group, account);
    if (account === this.account) this.conversations.readAgain();
  }

  override async quitGroup(group: string, account = this.account): Promise<void> {
    await super.quitGroup(group, account);
    if (account === this.account) this.conversations.readAgain();
  }

  /** Hides messages from this account, on all its devices; at most 200. */
  async hideMessages(messageIds: readonly bigint[]): Promise<void> {
    await this.ask(Command.MessageHide, MessageHideReq, { messageIds }, AccountStateChange);
    this.ownState.hidden(messageIds);
  }

  /** Who has read a message of a group. */
  async readers(
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

  protected override signedIn({ features }: LoginResp): void {
    this.signIns++;
    this.isGranted = features.includes(Feature.Conversations);
    if (!this.isGranted) return;
    this.stateRead = this.ownState.read();
    this.desk.fetcher.online();
    this.environment.after(0, () => this.outbox.online());
    void this.marks.online(() => this.conversations.readAgain());
  }

  protected override disconnected(isForGood: boolean): void {
    this.desk.fetcher.offline();
    this.conversations.stop(isForGood, new Disconnected(closeAbnormal));
  }

  protected override positioned(hasJumped: boolean): void {
    const { signIns } = this;
    if (this.isGranted !== true) return;
    void this.stateRead.then(() => {
      if (signIns !== this.signIns || !this.isOnline) return;
      this.conversations.start();
      for (const timeline of this.timelines.all())
        if (hasJumped || timeline.isStale) timeline.reload().catch(() => undefined);
    });
  }

  protected override deliver(message: Message): Promise<boolean> | undefined {
    const partner = partnerOfMessage(message, this.account);
    const isMine = message.sender === this.account;
    this.arrived(partner, newMessage(message), isMine);
    return this.talks.inTurn(message.id, isMine ? keyOf(partner) : undefined, () => super.deliver(message));
  }

  protected override entry(entry: MessageIndex): void {
    const { kind, refersTo, direction, accountB } = entry;
    const name = kinds[kind];
    if (name === undefined) {
      if (entry.detail?.accounts.includes(this.account) === true) this.conversations.readAgain();
      return;
    }
    this.desk.changed(partnerOfEntry(entry), name, direction === 1 ? this.account : accountB, refersTo);
  }

  protected override async talk(
    command: string,
    dest: string,
    talk: Talk,
    { clientId = this.environment.newId() }: TalkOptions,
  ): Promise<Stored> {
    const partner = command === Command.GroupTalk ? { group: dest } : { account: dest };
    const stored = await this.talks.follow(keyOf(partner), super.talk(command, dest, talk, { clientId }));
    const { body, type = 1, extra = "", mentions = [], replyTo = 0n } = talk;
    const kept = { ...stored, sender: this.account, body, type, extra, mentions, replyTo };
    this.arrived(partner, newMessage(kept, clientId), true);
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
    const isMention = message.mentions.some((name) => name === "*" || name === this.account);
    this.conversations.update(partner, (record) => record.arrived(message, isMine, isMention), true);
    for (const timeline of this.timelines.of(partner)) timeline.arrived(message);
  }

  private read({ reader, account, group, messageId }: ReadNotify): void {
    const isMine = reader === this.account;
    const partner = partnerOf({ account: isMine ? account : reader, group });
    this.conversations.update(
      partner,
      (record) => (isMine ? record.read(messageId) : record.peerRead(messageId)),
      false,
    );
    void this.notices.emit("read", { partner, account: reader, messageId });
  }

  private owner() {
    const { ask, environment, conversations } = this;
    return {
      ...{ ask, conversations },
      timeline: (partner: Partner, limit: number): Promise<Timeline> =>
        this.timelines.start(
          {
            ...{ ask, environment },
            shown: (message) => this.changes.shown(message),
            pending: () => this.outbox.pending(partner),
            fetch: (id) => void this.desk.fetcher.fetch(id),
          },
          partner,
          limit,
        ),
      send: (partner: Partner, draft: Draft): ChatMessage => this.outbox.add(partner, draft),
      markRead: async (partner: Partner, upTo: bigint): Promise<void> => {
        this.conversations.update(partner, (record) => void record.read(upTo), false);
        try {
          await this.marks.mark(partner, upTo);
        } catch (error) {
          this.conversations.readAgain();
          throw error;
        }
      },
      cleared: (partner: Partner, upTo: bigint): void => this.ownState.cleared(partner, upTo),
    };
  }
}

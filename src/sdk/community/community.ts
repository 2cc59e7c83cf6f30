// The third entry of the client library: what a messenger can do with groups and people. A page may load it when it
// shows the first of them.

import { Command } from "../../wire/commands.ts";
import { AccountStateResp } from "../../wire/gen/messages/account-state-resp.ts";
import { EntryResp } from "../../wire/gen/messages/entry-resp.ts";
import { GroupAnswerNotify } from "../../wire/gen/messages/group-answer-notify.ts";
import { GroupJoinReq } from "../../wire/gen/messages/group-join-req.ts";
import { GroupJoinResp } from "../../wire/gen/messages/group-join-resp.ts";
import { GroupPinReq } from "../../wire/gen/messages/group-pin-req.ts";
import { GroupPinnedReq } from "../../wire/gen/messages/group-pinned-req.ts";
import { GroupRequestNotify } from "../../wire/gen/messages/group-request-notify.ts";
import { HistoryResp } from "../../wire/gen/messages/history-resp.ts";
import type { MessageIndex } from "../../wire/gen/messages/message-index.ts";
import { Signal } from "../../wire/gen/messages/signal.ts";
import { decodeMessage } from "../../wire/message-codec.ts";
import { emptyMessage } from "../../wire/message-type.ts";
import { Disconnected } from "../client-errors.ts";
import { Emitter, type Handler } from "../emitter.ts";
import type { Extension } from "../extension.ts";
import { messageNow } from "../messenger/chat-message.ts";
import type { Messenger } from "../messenger/messenger.ts";
import type { ChatMessage, Partner } from "../messenger/messenger-types.ts";
import { namesOf, partnerOf, partnerOfMessage } from "../messenger/partner.ts";
import { repeat } from "../repeat.ts";
import type { CommunityOwner } from "./community-owner.ts";
import type { AccountSettings, CommunityEvents, Profile, ProfileUpdate } from "./community-types.ts";
import { GroupBook } from "./group-book.ts";
import type { GroupList } from "./group-list.ts";
import { Group } from "./group.ts";
import { OwnAccount } from "./own-account.ts";
import { PresenceWatcher } from "./presence-watcher.ts";
import { Profiles } from "./profiles.ts";
import { Typing } from "./typing.ts";
import { actorOf, groupChangeOf, isFinal, pinnedKind, requestOf } from "./wire-values.ts";

export type { GroupList } from "./group-list.ts";
export type { Group } from "./group.ts";
export type { PresenceWatcher } from "./presence-watcher.ts";
export type { Profiles } from "./profiles.ts";
export type * from "./community-types.ts";

/** The kind of the signals of `typing`. */
const typingKind = "typing";

const communities = new WeakMap<Messenger, Community>();

/**
 * Groups and people of a messenger. Requests reject as the client's do: with RequestRefused, RequestTimedOut or
 * Disconnected. After the latter two, whether the server executed the request is unknown; all may be repeated, but
 * where a method says otherwise. A server that lacks a command refuses it with NotImplemented or InvalidCommand.
 */
export class Community {
  /** The groups of this account. */
  readonly groups: GroupList;
  readonly presence: PresenceWatcher;
  readonly profiles: Profiles;
  private readonly client: Messenger;
  private readonly notices = new Emitter<CommunityEvents>();
  private readonly owner: CommunityOwner;
  private readonly book: GroupBook;
  private readonly own: OwnAccount;
  private readonly whoTypes: Typing;

  private constructor(client: Messenger) {
    this.client = client;
    const extension: Extension = {
      pushed: (command, body) => this.pushed(command, body),
      entry: (entry) => this.entry(entry),
      jumped: () => this.book.jumped(),
      talked: (partner) => this.whoTypes.sent(partner),
    };
    const { environment, ask, readIndex } = client.extend(extension);
    const { notices } = this;
    this.owner = {
      ...{ environment, ask, readIndex, notices },
      patientAsk: (...request) => repeat(environment, () => ask(...request), isFinal),
      account: () => client.account,
      client,
    };
    const { owner } = this;
    this.book = new GroupBook(owner);
    this.groups = this.book.list;
    this.presence = new PresenceWatcher(owner);
    this.profiles = new Profiles(owner);
    this.own = new OwnAccount(owner, this.profiles);
    this.whoTypes = new Typing(owner);
    client.on("message", (message) => {
      this.whoTypes.end(partnerOfMessage(message, client.account), message.sender);
    });
    client.on("online", () => this.online());
    client.on("offline", ({ reason, returnsInMs }) => {
      const ending = returnsInMs === undefined ? new Disconnected(reason) : undefined;
      for (const part of [this.book, this.presence, this.profiles, this.own]) part.offline(ending);
      this.whoTypes.clear();
    });
    if (client.isOnline) this.online();
  }

  /**
   * The community of a messenger: the same one for the same messenger. It ends with the messenger. As the second
   * argument of `Messenger.connect`, it misses no entry of the log.
   */
  static of(this: void, client: Messenger): Community {
    const community = communities.get(client) ?? new Community(client);
    communities.set(client, community);
    return community;
  }

  /** Adds a handler; returns a function that removes it. */
  on<Name extends keyof CommunityEvents>(name: Name, handler: Handler<CommunityEvents[Name]>): () => void {
    return this.notices.on(name, handler);
  }

  /** A handle, which need not be kept: another one of the same group does the same. */
  group(id: string): Group {
    return new Group(this.owner, this.book, id);
  }

  /**
   * Joins the group of an invitation, also a closed one, and returns its id. Joining again is a success.
   * @throws RequestRefused, among others NotFound if the code is unknown, expired, revoked or used up, and RateLimited
   * after 20 wrong ones
   */
  async join(code: string): Promise<string> {
    const { group } = await this.owner.ask(Command.GroupJoin, GroupJoinReq, { code }, GroupJoinResp);
    this.owner.readIndex();
    return group;
  }

  /**
   * Pins a message for everybody in its conversation, or unpins it; in groups for the owner and admins. At most 50 a
   * conversation. Resolves with the id of its entry in the log, which `messagePinned` tells soon; with 0n if it was so
   * already.
   */
  async pinMessage(partner: Partner, messageId: bigint, isPinned = true): Promise<bigint> {
    const command = isPinned ? Command.GroupPin : Command.GroupUnpin;
    const { entryId } = await this.owner.ask(command, GroupPinReq, { ...namesOf(partner), messageId }, EntryResp);
    this.owner.readIndex();
    return entryId;
  }

  /** The pinned messages of a conversation that this account may read, the newest pin first. */
  async pinnedMessages(partner: Partner): Promise<readonly ChatMessage[]> {
    const answer = await this.owner.ask(Command.GroupPinned, GroupPinnedReq, namesOf(partner), HistoryResp);
    return answer.messages.map(messageNow);
  }

  /**
   * Tells the partner that this account is typing: call it at each key. At most one signal each 2 s goes out; for who
   * goes on after a message, at the end of these, unless the next message was sent by then. None goes out without a
   * connection, and a refusal is ignored: groups with more than 200 members online are told nothing.
   */
  typing(partner: Partner): void {
    if (this.client.isOnline)
      this.whoTypes.typed(partner, () => void this.signal(partner, typingKind).catch(() => undefined));
  }

  /** Who is typing in a conversation, those first who began first. */
  typists(partner: Partner): readonly string[] {
    return this.whoTypes.of(partner);
  }

  /**
   * Sends a signal to everybody in the conversation who is online. It is stored nowhere, and success does not say that
   * anybody got it. A repetition is another signal. `kind`: 1 to 32 bytes, without control characters. `body`: at most
   * 1 KiB.
   */
  async signal(partner: Partner, kind: string, body = ""): Promise<void> {
    await this.owner.ask(Command.Signal, Signal, { ...namesOf(partner), kind, body }, emptyMessage);
  }

  /**
   * Resolves when `blocked`, `settings` and `profile` have been read since the last sign-in; waits for a connection.
   * Rejects if the server refuses it, or the client has ended.
   */
  ready(): Promise<void> {
    return this.own.ready();
  }

  /** The accounts that this one blocks; another set after each change. */
  get blocked(): ReadonlySet<string> {
    return this.own.blocked;
  }

  /**
   * Blocks an account: it cannot write to this one, react, pin, signal, or add it to groups, and sees its presence and
   * its read cursors no more. At most 10,000 are blocked.
   */
  block(account: string): Promise<void> {
    return this.own.block(account, true);
  }

  unblock(account: string): Promise<void> {
    return this.own.block(account, false);
  }

  /** Who may do what with this account. */
  get settings(): AccountSettings {
    return this.own.settings;
  }

  /** Sets what is given. */
  setSettings(settings: Partial<AccountSettings>): Promise<void> {
    return this.own.setSettings(settings);
  }

  /** This account's own profile. */
  get profile(): Profile {
    return this.own.profile;
  }

  /** Sets what is given. */
  setProfile(profile: ProfileUpdate): Promise<void> {
    return this.own.setProfile(profile);
  }

  private online(): void {
    this.book.online();
    this.presence.online();
    this.profiles.online();
    void this.own.read();
  }

  private entry(entry: MessageIndex): void {
    const me = this.client.account;
    const change = groupChangeOf(entry, me);
    if (change !== undefined) {
      this.book.entry(change);
      void this.notices.emit("groupChanged", change);
    } else if (entry.kind === pinnedKind) {
      const { messageId: entryId, refersTo: messageId, sendTime: time, accountB: account, group, detail } = entry;
      const partner = partnerOf({ account, group });
      const isPinned = detail?.off !== true;
      void this.notices.emit("messagePinned", {
        ...{ partner, messageId, actor: actorOf(entry, me), isPinned, entryId, time },
      });
    }
  }

  private pushed(command: string, body: Uint8Array): void {
    switch (command) {
      case Command.PresenceChanged:
        return this.presence.pushed(body);
      case Command.Sync:
        this.presence.hinted();
        return void this.own.read();
      case Command.AccountChanged: {
        const state = decodeMessage(AccountStateResp, body);
        return state && this.own.learn(state);
      }
      case Command.Signal: {
        const signal = decodeMessage(Signal, body);
        return signal && this.signalled(signal);
      }
      case Command.GroupRequest: {
        const { group = "", request, withdrawn = false } = decodeMessage(GroupRequestNotify, body) ?? {};
        if (request === undefined) return;
        this.book.spoil(group);
        const asked = { group, request: requestOf(request), isWithdrawn: withdrawn };
        return void this.notices.emit("joinRequested", asked);
      }
      case Command.GroupAnswer: {
        const answer = decodeMessage(GroupAnswerNotify, body);
        if (answer === undefined) return;
        void this.notices.emit("joinAnswered", { group: answer.group, isAccepted: answer.accepted });
        return;
      }
      default:
    }
  }

  private signalled({ account, group, kind, body, sender }: Signal): void {
    const me = this.client.account;
    const partner = partnerOf({ account: sender === me ? account : sender, group });
    if (kind !== typingKind) void this.notices.emit("signal", { partner, sender, kind, body });
    else if (sender !== me) this.whoTypes.begin(partner, sender);
  }
}

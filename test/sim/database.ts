// A message store for simulations: a database on a machine of its own. It keeps the promises of src/store/store.ts and
// src/store/conversations.ts. What arrives is committed some milliseconds later, all of it in one batch; a crash before
// that loses it, a crash after that does not.

import { missedEntriesMax, windowsReadMax } from "../../src/base/limits/fixed.ts";
import {
  type AccountState,
  type ChangeOutcome,
  type ConversationSetting,
  type ConversationsQuery,
  entryKind,
  type HideRequest,
  type HistoryQuery,
  type MessageChange,
  type ReadMark,
  type ReadOutcome,
  type SettingOutcome,
} from "../../src/store/conversations.ts";
import type { AddOutcome, GroupChange, GroupOutcome, MembersRequest } from "../../src/store/groups.ts";
import type { BlockChange, BlockOutcome } from "../../src/store/people.ts";
import { nextId } from "../../src/store/snowflake.ts";
import type {
  CreateOutcome,
  GroupDraft,
  IndexEntry,
  IndexQuery,
  LogPage,
  LogQuery,
  MembershipChange,
  MembershipOutcome,
  Talk,
  TalkOutcome,
} from "../../src/store/store.ts";
import { encodeContents } from "../../src/wire/message-contents.ts";
import { asLogEntry, StoredChanges } from "./stored-changes.ts";
import { StoredGroupChanges } from "./stored-group-changes.ts";
import { StoredGroups, type Window } from "./stored-groups.ts";
import { StoredHistories } from "./stored-histories.ts";
import { isRepeat, type StoredMessage, StoredMessages } from "./stored-messages.ts";
import { StoredPeople } from "./stored-people.ts";
import { StoredViews } from "./stored-views.ts";

/** The last id of a store: all of its apps have one sequence. */
export interface Sequence {
  last: bigint;
}

/** What the disk holds of one app. A sabotage replaces a part of it. */
export class Database {
  readonly groups = new StoredGroups();
  readonly messages: StoredMessages = new StoredMessages(this.groups, (...asked) => this.people.mayTalk(...asked));
  readonly people = this.makePeople();
  readonly changes = this.makeChanges();
  readonly groupChanges = new StoredGroupChanges(this.groups, this.changes, this.people);
  readonly views = this.makeViews();
  readonly histories = new StoredHistories(this.groups, this.messages, this.views, this.people);
  private readonly acks = new Map<string, bigint>();
  private readonly sequence: Sequence;
  private readonly commitMs: () => number;
  private waiting: (() => void)[] = [];
  /** How many standbys have taken its place; each has all that was committed. */
  standby = 0;

  /** `commitMs`: how long the next batch takes. */
  constructor(commitMs: () => number, sequence: Sequence = { last: 0n }) {
    this.commitMs = commitMs;
    this.sequence = sequence;
  }

  protected get lastId(): bigint {
    return this.sequence.last;
  }

  /** The process starts: what had not been committed when it ended is gone. */
  start(): void {
    this.waiting = [];
    this.views.loseMoves();
  }

  protected makePeople(): StoredPeople {
    return new StoredPeople(this.groups, this.messages);
  }

  protected makeChanges(): StoredChanges {
    return new StoredChanges(this.groups, this.messages);
  }

  protected makeViews(): StoredViews {
    return new StoredViews(this.messages, this.people);
  }

  /** Commits a change with the next batch, and resolves then. */
  protected commit<Outcome>(change: () => Outcome): Promise<Outcome> {
    return new Promise((resolve) => {
      this.waiting.push(() => resolve(change()));
      if (this.waiting.length === 1)
        setTimeout(() => {
          const changes = this.waiting;
          this.waiting = [];
          for (const each of changes) each();
        }, this.commitMs());
    });
  }

  append(talks: readonly Talk[], node: number): Promise<readonly TalkOutcome[]> {
    return this.commit(() => talks.map((talk) => this.store(talk, node)));
  }

  protected store(talk: Talk, node: number): TalkOutcome {
    const earlier = this.earlier(talk);
    if (earlier !== undefined) {
      if (!isRepeat(earlier, talk)) return { result: "conflict" };
      return storedOutcome(earlier, true, nodeOf(earlier.messageId) === node);
    }
    const refusal = this.messages.refusal(talk);
    if (refusal !== undefined) return { result: refusal };
    const previousEntryId = this.changes.last(talk.toGroup ? "" : talk.dest, talk.toGroup ? talk.dest : "");
    const sendTime = BigInt(Date.now()) * 1_000_000n;
    const message = this.messages.add(talk, { messageId: this.nextId(node), sendTime, previousEntryId });
    return storedOutcome(message, false, true);
  }

  protected earlier(talk: Talk): StoredMessage | undefined {
    return this.messages.earlier(talk);
  }

  protected nextId(node: number): bigint {
    this.sequence.last = nextId(this.lastId, Date.now(), node);
    return this.lastId;
  }

  acknowledge(account: string, device: string, messageId: bigint): Promise<"done" | "future"> {
    return this.commit(() => {
      if (messageId > this.lastId) return "future";
      const key = JSON.stringify([account, device]);
      if (messageId > (this.acks.get(key) ?? 0n)) this.acks.set(key, messageId);
      return "done";
    });
  }

  index({ account, device, after, includeSent, limit }: Omit<IndexQuery, "app">): readonly IndexEntry[] {
    const isFromAck = after === 0n || after > this.lastId;
    return this.listed(account, isFromAck ? (this.acked(account, device) ?? 0n) : after, includeSent)
      .slice(0, limit)
      .map((message) => indexEntry(message, account));
  }

  change(change: MessageChange, node: number): Promise<ChangeOutcome> {
    return this.commit(() => this.changes.change(change, () => this.nextId(node)));
  }

  entries(query: Omit<LogQuery, "app">): LogPage {
    const { account, device, includeSent, includeEvents, limit } = query;
    const { lastId } = this;
    if (query.after > lastId) return { entries: [], lastId, isReset: true };
    const after = query.after > 0n ? query.after : (this.acked(account, device) ?? lastId);
    const messages = this.listed(account, after, includeSent).map((message) => ({
      ...indexEntry(message, account),
      kind: entryKind.message,
      refersTo: 0n,
      mentions: message.mentions,
      replyTo: message.replyTo,
      reaction: "",
      isOff: false,
    }));
    const later = this.changes.entries.filter((entry) => includeEvents && entry.entryId > after);
    const all = later.filter((entry) => this.changes.concerns(entry, account, true));
    const events = all
      .filter((entry) => this.changes.concerns(entry, account, includeSent))
      .map((entry) => asLogEntry(entry, account));
    const entries = [...messages, ...events].toSorted((one, other) => (one.messageId < other.messageId ? -1 : 1));
    const passedOver = all.length - events.length;
    const stays = this.groups.endedAfter(account, after);
    if (Math.max(entries.length, passedOver) > missedEntriesMax || stays > windowsReadMax)
      return { entries: [], lastId, isReset: true };
    return { entries: entries.slice(0, limit), lastId, isReset: false };
  }

  private acked(account: string, device: string): bigint | undefined {
    return this.acks.get(JSON.stringify([account, device]));
  }

  private listed(account: string, after: bigint, includeSent: boolean): StoredMessage[] {
    return this.messages.all.filter(
      (message) =>
        message.messageId > after &&
        (message.sender === account && (message.toGroup || message.dest !== account)
          ? includeSent
          : this.messages.isReceiver(message, account)),
    );
  }

  contents(account: string, messageIds: readonly bigint[]): Uint8Array {
    return encodeContents(
      messageIds
        .map((id) => this.messages.get(id))
        .filter((message) => message !== undefined)
        .filter((message) => this.messages.mayRead(message, account)),
    );
  }

  set(setting: ConversationSetting, node: number): Promise<SettingOutcome> {
    return this.commit(() => this.views.set(setting, this.lastId, () => this.nextId(node)));
  }

  hide(request: HideRequest, node: number): Promise<SettingOutcome> {
    return this.commit(() => this.views.hide(request, () => this.nextId(node)));
  }

  accountState(account: string, since: bigint, limit: number): AccountState {
    return this.views.state(account, since > this.lastId ? 0n : since, limit, this.lastId);
  }

  markRead(mark: ReadMark): Promise<ReadOutcome> {
    return this.commit(() => this.views.markRead(mark, this.lastId));
  }

  history(query: HistoryQuery): Uint8Array | "notFound" {
    return this.histories.history(query);
  }

  byIds(account: string, messageIds: readonly bigint[]): Uint8Array {
    return this.histories.byIds(account, messageIds);
  }

  conversations(query: ConversationsQuery): Uint8Array {
    return this.histories.list(query);
  }

  createGroup(draft: GroupDraft, node: number): Promise<CreateOutcome> {
    return this.commit(() => this.groupChanges.create(draft, () => this.nextId(node)));
  }

  join(change: MembershipChange, node: number): Promise<MembershipOutcome> {
    return this.commit(() => this.groupChanges.join(change, () => this.nextId(node)));
  }

  quit(change: MembershipChange, node: number): Promise<MembershipOutcome> {
    return this.commit(() => this.groupChanges.quit(change, () => this.nextId(node), this.closeWindow));
  }

  changeGroup(change: GroupChange, node: number): Promise<GroupOutcome> {
    return this.commit(() => this.groupChanges.change(change, () => this.nextId(node)));
  }

  addMembers(request: MembersRequest, node: number): Promise<AddOutcome> {
    return this.commit(() => this.groupChanges.add(request, () => this.nextId(node)));
  }

  removeMembers(request: MembersRequest, node: number): Promise<readonly GroupOutcome[]> {
    return this.commit(() => this.groupChanges.remove(request, () => this.nextId(node), this.closeWindow));
  }

  block(change: BlockChange, node: number): Promise<BlockOutcome> {
    return this.commit(() => this.people.block(change, () => this.nextId(node)));
  }

  private readonly closeWindow = (window: Window, version: bigint): void => this.close(window, version);

  protected close(window: Window, version: bigint): void {
    window.to = version;
  }
}

function nodeOf(id: bigint): number {
  return Number((id >> 12n) & 1023n);
}

function indexEntry({ messageId, sendTime, sender, toGroup, dest }: StoredMessage, account: string): IndexEntry {
  const isSent = sender === account && (toGroup || dest !== account);
  return {
    messageId,
    direction: isSent ? 1 : 0,
    sendTime,
    otherAccount: isSent && !toGroup ? dest : sender,
    group: toGroup ? dest : "",
  };
}

function storedOutcome(
  { messageId, sendTime, previousId, previousEntryId, groupVersion }: StoredMessage,
  repeated: boolean,
  writtenHere: boolean,
): TalkOutcome {
  return {
    result: "stored",
    messageId,
    sendTime,
    previousId,
    previousEntryId,
    groupVersion,
    repeated,
    writtenHere,
    madeAccount: false,
  };
}

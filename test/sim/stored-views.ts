// Accounts' own views of their conversations in a simulated database: settings, hidden messages, read cursors.

import { hiddenMax, pinnedMax } from "../../src/base/limits/fixed.ts";
import type {
  AccountState,
  ConversationName,
  ConversationSetting,
  HideRequest,
  ReadMark,
  ReadOutcome,
  SettingOutcome,
  SettingState,
} from "../../src/store/conversations.ts";
import { conversationOf, type StoredMessage, type StoredMessages } from "./stored-messages.ts";
import type { StoredPeople } from "./stored-people.ts";

/** A cursor that was moved so long ago is on the disk. */
const readLossMs = 900;

export class StoredViews {
  private readonly messages: StoredMessages;
  private readonly people: StoredPeople;
  /** By account, and by the conversation's key. */
  private readonly settings = new Map<string, Map<string, SettingState>>();
  /** By account: the version that has hidden a message. */
  private readonly hidden = new Map<string, Map<bigint, bigint>>();
  private readonly marks = new Map<string, bigint>();
  /** Moves of cursors that are not on the disk yet, perhaps. */
  private moves: { readonly key: string; readonly before: bigint; readonly atMs: number }[] = [];
  /** Cursors that a crash has moved back. */
  private readonly lost = new Set<string>();

  constructor(messages: StoredMessages, people: StoredPeople) {
    this.messages = messages;
    this.people = people;
  }

  /** `lastId`: of the log; `nextId` takes the next one. */
  set(setting: ConversationSetting, lastId: bigint, nextId: () => bigint): SettingOutcome {
    const { account, toGroup, dest } = setting;
    if (!this.messages.hasConversation(account, setting)) return { result: "notFound" };
    const before = this.settingOf(account, setting);
    const { isPinned = before.isPinned, isMuted = before.isMuted, clearUpTo = 0n } = setting;
    const asked = clearUpTo < lastId ? clearUpTo : lastId;
    const clearedTo = asked > before.clearedTo ? asked : before.clearedTo;
    const isShown = before.hiddenId === 0n || this.activityId(account, setting) > before.hiddenId;
    const isHiding = setting.isHidden === true && isShown;
    const isShowing = setting.isHidden === false && before.hiddenId !== 0n;
    const isSame = isPinned === before.isPinned && isMuted === before.isMuted && clearedTo === before.clearedTo;
    if (isSame && !isHiding && !isShowing) return { result: "unchanged", version: before.version };
    const ofAccount = this.settings.getOrInsertComputed(account, () => new Map());
    const pinned = [...ofAccount.values()].filter((each) => each.isPinned).length;
    if (isPinned && !before.isPinned && pinned >= pinnedMax) return { result: "full" };
    const version = nextId();
    const hiddenId = isHiding ? version : isShowing ? 0n : before.hiddenId;
    ofAccount.set(keyOf(setting), { toGroup, dest, isPinned, isMuted, hiddenId, clearedTo, version });
    return { result: "stored", version };
  }

  hide({ account, messageIds }: HideRequest, nextId: () => bigint): SettingOutcome {
    const hidden = this.hidden.getOrInsertComputed(account, () => new Map());
    const seen = messageIds.filter((id) => {
      const message = this.messages.get(id);
      return message !== undefined && this.isSeen(message, account);
    });
    if (hidden.size + seen.length > hiddenMax && seen.length > 0) return { result: "full" };
    if (seen.length > 0) {
      const version = nextId();
      for (const messageId of seen) hidden.set(messageId, version);
      return { result: "stored", version };
    }
    const versions = messageIds.map((id) => hidden.get(id) ?? 0n);
    return { result: "unchanged", version: versions.reduce((one, other) => (one > other ? one : other), 0n) };
  }

  /** A version is never cut: what one request has hidden is in one answer. */
  state(account: string, since: bigint, limit: number, lastId: bigint): AccountState {
    const changes = [
      ...[...(this.settings.get(account)?.values() ?? [])].map((setting) => ({ version: setting.version, setting })),
      ...[...(this.hidden.get(account) ?? [])].map(([messageId, version]) => ({ version, messageId })),
      ...this.people.blocksOf(account).map((block) => ({ version: block.version, block })),
    ]
      .filter(({ version }) => version > since)
      .toSorted((one, other) => (one.version < other.version ? -1 : 1));
    const end = changes[limit - 1]?.version ?? lastId;
    const told = changes.filter(({ version }) => version <= end);
    const hasMore = told.length < changes.length;
    return {
      version: hasMore ? end : lastId,
      settings: told.flatMap((change) => ("setting" in change ? [change.setting] : [])),
      hiddenMessages: told.flatMap((change) => ("messageId" in change ? [change.messageId] : [])),
      blocks: told.flatMap((change) => ("block" in change ? [change.block] : [])),
      hasMore,
    };
  }

  settingOf(account: string, name: ConversationName): SettingState {
    const { toGroup, dest } = name;
    const plain = { isPinned: false, isMuted: false, hiddenId: 0n, clearedTo: 0n, version: 0n };
    return this.settings.get(account)?.get(keyOf(name)) ?? { toGroup, dest, ...plain };
  }

  /** The account may read the message and has neither cleared nor hidden it. */
  isSeen(message: StoredMessage, account: string): boolean {
    const { messageId } = message;
    const { clearedTo } = this.settingOf(account, conversationOf(message, account));
    if (messageId <= clearedTo || !this.messages.mayRead(message, account)) return false;
    return this.hidden.get(account)?.has(messageId) !== true;
  }

  /** The last message that the account sees of a conversation, or its own join. */
  activityId(account: string, name: ConversationName): bigint {
    const lastId = this.lastSeen(account, name)?.messageId ?? 0n;
    const joined = this.messages.joined(account, name);
    return lastId > joined ? lastId : joined;
  }

  lastSeen(account: string, name: ConversationName): StoredMessage | undefined {
    return this.messages.all.findLast(
      (message) => this.messages.isIn(message, account, name) && this.isSeen(message, account),
    );
  }

  /** The id up to which an account has read a conversation. */
  readId(account: string, name: ConversationName): bigint {
    return this.marks.get(markKey(account, name)) ?? 0n;
  }

  markRead({ account, toGroup, dest, messageId }: ReadMark, lastId: bigint): ReadOutcome {
    const name = { toGroup, dest };
    if (messageId > lastId || messageId < 0n) return { result: "future" };
    const before = this.readId(account, name);
    if (!this.messages.hasConversation(account, name)) return { result: "notFound" };
    const isPrivate = !toGroup && this.people.isBlocked(account, dest) && { isPrivate: true };
    if (!this.isForward(messageId, before)) return { result: "unchanged", readId: before, ...isPrivate };
    if (!this.messages.isIn(this.messages.get(messageId), account, name)) return { result: "notFound" };
    const key = markKey(account, name);
    const atMs = performance.now();
    this.moves = [...this.moves.filter((move) => atMs - move.atMs < readLossMs), { key, before, atMs }];
    this.marks.set(key, messageId);
    return { result: "moved", readId: messageId, ...isPrivate };
  }

  protected isForward(messageId: bigint, before: bigint): boolean {
    return messageId > before;
  }

  /** A crash loses the last moves of cursors. */
  loseMoves(): void {
    const nowMs = performance.now();
    for (const { key, before, atMs } of this.moves.toReversed()) {
      if (nowMs - atMs >= readLossMs) continue;
      this.marks.set(key, before);
      this.lost.add(key);
    }
    this.moves = [];
  }

  /** A crash has moved this cursor back at some time. */
  hasLost(account: string, name: ConversationName): boolean {
    return this.lost.has(markKey(account, name));
  }
}

function keyOf({ toGroup, dest }: ConversationName): string {
  return `${toGroup} ${dest}`;
}

function markKey(account: string, name: ConversationName): string {
  return `${account} ${keyOf(name)}`;
}

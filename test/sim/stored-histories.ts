// What accounts read of their conversations in a simulated database: history, messages by id, the list, readers.

import { readersDays, readersGroupMax, unreadMax } from "../../src/base/limits/fixed.ts";
import {
  type ConversationInit,
  cutLast,
  encodeConversations,
  encodeHistory,
  type HistoryMessageFields,
  unreadFields,
} from "../../src/store/conversation-bodies.ts";
import type {
  ConversationName,
  ConversationsQuery,
  HistoryQuery,
  ReadersAnswer,
  ReadersQuery,
} from "../../src/store/conversations.ts";
import type { StoredGroups } from "./stored-groups.ts";
import { conversationOf, everybody, type StoredMessage, type StoredMessages } from "./stored-messages.ts";
import type { StoredPeople } from "./stored-people.ts";
import type { StoredViews } from "./stored-views.ts";

const readersNs = BigInt(readersDays) * 86_400_000_000_000n;

interface Listed {
  readonly name: ConversationName;
  readonly activityId: bigint;
  readonly last: StoredMessage | undefined;
}

export class StoredHistories {
  private readonly groups: StoredGroups;
  private readonly messages: StoredMessages;
  private readonly views: StoredViews;
  private readonly people: StoredPeople;

  constructor(groups: StoredGroups, messages: StoredMessages, views: StoredViews, people: StoredPeople) {
    this.people = people;
    this.groups = groups;
    this.messages = messages;
    this.views = views;
  }

  history({ account, toGroup, dest, from, limit, thread }: Omit<HistoryQuery, "app">): Uint8Array | "notFound" {
    const name = { toGroup, dest };
    if (!this.messages.hasConversation(account, name)) return "notFound";
    const all = this.visible(account, name).filter(
      (message) => thread === 0n || message.messageId === thread || message.thread === thread,
    );
    const [start, end] = bounds(all, from, limit);
    const page = all.slice(start, end).map((message) => fieldsOf(message, account));
    return encodeHistory(page, { hasBefore: start > 0, hasAfter: end < all.length });
  }

  byIds(account: string, messageIds: readonly bigint[]): Uint8Array {
    const found = messageIds.flatMap((messageId) => {
      const message = this.messages.get(messageId);
      if (message === undefined || !this.views.isSeen(message, account)) return [];
      const { toGroup, dest } = conversationOf(message, account);
      return [{ ...fieldsOf(message, account), ...(toGroup ? { group: dest } : { account: dest }) }];
    });
    return encodeHistory(found);
  }

  list({ account, before, limit, includeHidden }: Omit<ConversationsQuery, "app">): Uint8Array {
    const all = this.conversations(account)
      .filter(({ name, activityId }) => includeHidden || activityId > this.views.settingOf(account, name).hiddenId)
      .toSorted((one, other) => (one.activityId > other.activityId ? -1 : 1));
    const isPinned = ({ name }: Listed): boolean => this.views.settingOf(account, name).isPinned;
    const others = all.filter((each) => !isPinned(each) && (before === 0n || each.activityId < before));
    const shown = [...(before === 0n ? all.filter(isPinned) : []), ...others.slice(0, limit)];
    return encodeConversations(
      shown.map((each) => this.conversation(account, each)),
      others.length > limit,
    );
  }

  readers({ account, messageId, after, limit }: Omit<ReadersQuery, "app">): ReadersAnswer {
    const message = this.messages.get(messageId);
    if (message?.toGroup !== true || !this.messages.mayRead(message, account)) return { result: "notFound" };
    const { dest, sender, sendTime } = message;
    if (sender !== account && !this.groups.isMember(dest, account)) return { result: "forbidden" };
    const members = this.groups.members(dest);
    if (members.length > readersGroupMax) return { result: "tooLarge" };
    if (BigInt(Date.now()) * 1_000_000n - sendTime > readersNs) return { result: "tooOld" };
    const accounts = members
      .map((each) => each.account)
      .filter((reader) => reader !== sender && this.groups.isWithin(dest, reader, messageId))
      .filter((reader) => this.views.readId(reader, { toGroup: true, dest }) >= messageId)
      .filter((reader) => !this.people.isBlocked(reader, account))
      .toSorted();
    const rest = accounts.filter((reader) => reader > after);
    return {
      result: "found",
      count: accounts.length,
      accounts: rest.slice(0, limit),
      hasMore: rest.length > limit,
    };
  }

  /** The messages of a conversation that an account sees, in the order of ids. */
  visible(account: string, name: ConversationName): readonly StoredMessage[] {
    const from = name.toGroup ? this.groups.readFrom(name.dest, account) : 0n;
    return this.messages.all.filter(
      (message) =>
        message.messageId >= from && this.messages.isIn(message, account, name) && this.views.isSeen(message, account),
    );
  }

  private conversations(account: string): Listed[] {
    const mine = this.messages.all.filter(({ toGroup, sender, dest }) => !toGroup && [sender, dest].includes(account));
    const partners = new Set(mine.map((message) => conversationOf(message, account).dest));
    const direct = [...partners].map((dest) => this.listed(account, { toGroup: false, dest }));
    const groups = this.groups.groupsOf(account).map((dest) => this.listed(account, { toGroup: true, dest }));
    return [...direct, ...groups].filter(({ activityId }) => activityId > 0n);
  }

  private listed(account: string, name: ConversationName): Listed {
    return { name, last: this.views.lastSeen(account, name), activityId: this.views.activityId(account, name) };
  }

  private conversation(account: string, { name, activityId, last }: Listed): ConversationInit {
    const { toGroup, dest } = name;
    const { isPinned: pinned, isMuted: muted, hiddenId } = this.views.settingOf(account, name);
    const readId = this.views.readId(account, name);
    const unread = this.visible(account, name).filter(
      ({ messageId, sender }) => messageId > readId && sender !== account,
    );
    const mentions = unread.filter((each) =>
      each.mentions.some((who) => who === account || (toGroup && who === everybody)),
    );
    const isPrivate = toGroup || this.people.isBlocked(dest, account);
    const peerReadId = isPrivate ? 0n : this.views.readId(dest, { toGroup: false, dest: account });
    return {
      ...(toGroup ? { group: dest } : { account: dest, peerReadId }),
      activityId,
      ...(last && { lastMessage: cutLast(fieldsOf(last, account)) }),
      ...unreadFields(Math.min(unreadMax, unread.length)),
      unreadMentions: Math.min(unreadMax, mentions.length),
      readId,
      pinned,
      muted,
      hidden: hiddenId >= activityId,
    };
  }
}

/** The page of a history: from one place in it to another one. */
function bounds(all: readonly StoredMessage[], from: HistoryQuery["from"], limit: number): readonly [number, number] {
  if (from.at === "newest") return [Math.max(0, all.length - limit), all.length];
  const above = all.findIndex(({ messageId }) => (from.at === "after" ? messageId > from.id : messageId >= from.id));
  const at = above < 0 ? all.length : above;
  switch (from.at) {
    case "before":
      return [Math.max(0, at - limit), at];
    case "after":
      return [at, Math.min(all.length, at + limit)];
    case "around": {
      const half = Math.floor(limit / 2);
      return [Math.max(0, at - half), Math.min(all.length, at + limit - half)];
    }
  }
}

function fieldsOf(message: StoredMessage, account: string): HistoryMessageFields {
  const { messageId, sender, sendTime, type, body, extra, isEdited, isRecalled, mentions, replyTo } = message;
  return {
    messageId,
    sender,
    sendTime,
    type,
    body,
    extra,
    edited: isEdited,
    recalled: isRecalled,
    mentions: [...mentions],
    replyTo,
    reactions: [...message.reactions].map(([reaction, accounts]) => ({
      reaction,
      count: accounts.size,
      mine: accounts.has(account),
    })),
  };
}

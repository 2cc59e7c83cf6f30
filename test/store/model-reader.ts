// What every read of a store must answer, by the model of conversations: from the model's messages alone, each time
// anew.

import { lastBodyBytesMax, readersGroupMax, unreadMax } from "../../src/base/limits/fixed.ts";
import type {
  AccountState,
  ConversationsQuery,
  HistoryQuery,
  ReadersAnswer,
  ReadersQuery,
  SettingState,
} from "../../src/store/conversations.ts";
import type { GroupDetail, IndexEntry, IndexQuery, LogEntry, LogQuery } from "../../src/store/store.ts";
import type { HistoryMessageFields } from "../../src/store/conversation-bodies.ts";
import type { ConversationModel } from "./conversation-model.ts";
import { max, type ModelMessage, nameOf, otherOf } from "./model-messages.ts";
import { endId } from "./model-groups.ts";

/** A group's detail without what the model is not told. */
export type DetailOf = Omit<GroupDetail, "id" | "createdAt" | "members"> & {
  readonly members: readonly { readonly account: string; readonly alias: string }[];
};

/** A HistoryMessage without what protobuf adds to it. */
type ShownMessage = Required<HistoryMessageFields>;

export class ModelReader {
  private readonly model: ConversationModel;

  constructor(model: ConversationModel) {
    this.model = model;
  }

  history({ account, from, limit, thread, ...conversation }: HistoryQuery): object | "notFound" {
    const name = nameOf(conversation);
    if (!this.model.has(account, name)) return "notFound";
    const all = this.model
      .visible(account, name)
      .filter(({ id, root }) => thread === 0n || id === thread || root === thread);
    const page = (begin: number, end: number): object => ({
      messages: all.slice(Math.max(0, begin), end).map((message) => this.message(account, message)),
      hasBefore: begin > 0,
      hasAfter: end < all.length,
    });
    const below = (id: bigint): number => all.filter((message) => message.id < id).length;
    switch (from.at) {
      case "newest":
        return page(all.length - limit, all.length);
      case "before":
        return page(below(from.id) - limit, below(from.id));
      case "after":
        return page(below(from.id + 1n), below(from.id + 1n) + limit);
      case "around": {
        const half = Math.floor(limit / 2);
        return page(below(from.id) - half, below(from.id) + limit - half);
      }
    }
  }

  messages(account: string, ids: readonly bigint[]): ShownMessage[] {
    return ids
      .flatMap((id) => this.model.messages.get(id) ?? [])
      .filter((message) => this.model.isVisible(account, message))
      .map((message) => ({ ...this.message(account, message), ...namedBy(otherOf(account, message)) }));
  }

  /** As clients without the feature read them: hidden and cleared messages, too. */
  contents(account: string, ids: readonly bigint[]): object[] {
    return ids
      .flatMap((id) => this.model.messages.get(id) ?? [])
      .filter((message) => this.model.mayRead(account, message))
      .map(({ id: messageId, type, body, extra }) => ({ messageId, type, body, extra }));
  }

  conversations({ account, before, limit, includeHidden }: Omit<ConversationsQuery, "app">): object {
    const all = this.conversationsOf(account)
      .map((name) => ({ name, activity: this.model.activity(account, name), ...this.model.settingOf(account, name) }))
      .filter(({ activity, hiddenId }) => activity > 0n && (includeHidden || activity > hiddenId))
      .toSorted((one, other) => (one.activity > other.activity ? -1 : 1));
    const pinned = before === 0n ? all.filter(({ isPinned }) => isPinned) : [];
    const rest = all.filter(({ isPinned, activity }) => !isPinned && (before === 0n || activity < before));
    return {
      conversations: [...pinned, ...rest.slice(0, limit)].map(({ name }) => this.conversation(account, name)),
      hasMore: rest.length > limit,
    };
  }

  settings(account: string, since: bigint): SettingState[] {
    return [...(this.model.settings.get(account) ?? [])]
      .map(([name, setting]) => ({ toGroup: name.startsWith("@"), dest: name.replace("@", ""), ...setting }))
      .filter(({ version }) => version > this.known(since))
      .toSorted((one, other) => (one.version < other.version ? -1 : 1));
  }

  /** What else is an account's own state, and has changed after a version. */
  peopleState(account: string, since: bigint): Pick<AccountState, "blocks" | "consent" | "profile"> {
    const { people } = this.model;
    const known = this.known(since);
    const [consent, profile] = [people.consentOf(account), people.profileOf(account)];
    return {
      blocks: people.blocksSince(account, known),
      ...(consent.version > known && { consent }),
      ...(profile.version > known && { profile }),
    };
  }

  /** Those that were hidden after a version, in the order of versions and ids. */
  hiddenMessages(account: string, since: bigint): bigint[] {
    return [...(this.model.hidden.get(account) ?? [])]
      .filter(([, version]) => version > this.known(since))
      .toSorted(([oneId, one], [otherId, other]) => (one < other || (one === other && oneId < otherId) ? -1 : 1))
      .map(([id]) => id);
  }

  readers({ account, messageId, after, limit }: Omit<ReadersQuery, "app">): ReadersAnswer {
    const message = this.model.messages.get(messageId);
    const group = this.model.groups.get(message?.inbox ?? "");
    if (message === undefined || group === undefined || !this.model.mayRead(account, message))
      return { result: "notFound" };
    if (message.sender !== account && !group.members.has(account)) return { result: "forbidden" };
    if (group.members.size > readersGroupMax) return { result: "tooLarge" };
    const readers = [...group.members]
      .filter((member) => member !== message.sender && this.model.groups.isInWindow(member, message.inbox, messageId))
      .filter((member) => this.readId(member, message.inbox) >= messageId)
      .filter((member) => !this.model.people.isBlocked(member, account))
      .toSorted();
    const rest = readers.filter((reader) => reader > after);
    const accounts = rest.slice(0, limit);
    return { result: "found", count: readers.length, accounts, hasMore: rest.length > limit };
  }

  index(query: IndexQuery): IndexEntry[] {
    const isKnown = query.after > 0n && query.after <= this.model.lastId;
    const after = isKnown ? query.after : (this.model.acks.get(`${query.account} ${query.device}`) ?? 0n);
    return this.log({ ...query, after, includeEvents: false })
      .slice(0, query.limit)
      .map(({ messageId, direction, sendTime, otherAccount, group }) => {
        return { messageId, direction, sendTime, otherAccount, group };
      });
  }

  /** The ends of an answer to a client with the feature. */
  entries(query: LogQuery): object {
    const { lastId } = this.model;
    if (query.after > lastId) return { entries: [], lastId, isReset: true };
    const ack = this.model.acks.get(`${query.account} ${query.device}`) ?? lastId;
    const after = query.after === 0n ? ack : query.after;
    return { entries: this.log({ ...query, after }).slice(0, query.limit), lastId, isReset: false };
  }

  detail(account: string, group: string): DetailOf | string {
    const its = this.model.groups.get(group);
    if (its === undefined || its.members.size === 0) return "notFound";
    if (!its.members.has(account)) return "forbidden";
    const { name, avatar, introduction } = its.texts;
    const members = [...its.members].map((member) => ({ account: member, alias: its.aliases.get(member) ?? "" }));
    return { owner: its.owner, name, avatar, introduction, closed: its.flags.isClosed, members };
  }

  /** Everything above an id, in the order of ids. */
  log({
    account,
    after,
    includeSent,
    includeEvents,
  }: Pick<LogQuery, "account" | "after" | "includeSent" | "includeEvents">): LogEntry[] {
    const found: LogEntry[] = [];
    const add = (
      {
        id,
        inbox,
        by,
        time,
        isEvent = false,
      }: { id: bigint; inbox: string; by: string; time: bigint; isEvent?: boolean },
      fields: Partial<LogEntry>,
    ): void => {
      const isOwn = by === account && inbox !== account;
      const isGroup = inbox.startsWith("@");
      const { groups } = this.model;
      const isSeen = (): boolean =>
        isEvent ? groups.isInClosedWindow(account, inbox, id) : groups.isInWindow(account, inbox, id);
      const isHere = isGroup ? isSeen() : inbox === account || by === account;
      if (id <= after || !isHere || (isOwn && !includeSent)) return;
      found.push({
        messageId: id,
        direction: isOwn ? 1 : 0,
        sendTime: time,
        otherAccount: isGroup || !isOwn ? by : inbox,
        group: isGroup ? inbox.slice(1) : "",
        kind: 0,
        refersTo: 0n,
        mentions: [],
        replyTo: 0n,
        reaction: "",
        isOff: false,
        ...fields,
      });
    };
    for (const { id, inbox, sender, sendTime, mentions, replyTo } of this.model.messages.values())
      add({ id, inbox, by: sender, time: sendTime }, { mentions, replyTo });
    if (includeEvents) {
      for (const { id, inbox, actor, time, kind, refersTo, reaction, isOff, detail } of this.model.entries)
        add(
          { id, inbox, by: actor, time, isEvent: true },
          { kind, refersTo, reaction, isOff, ...(detail && { detail }) },
        );
    }
    return found.toSorted((one, other) => (one.messageId < other.messageId ? -1 : 1));
  }

  conversationsOf(account: string): string[] {
    const names = new Set(this.model.groups.names.filter((name) => this.model.has(account, name)));
    for (const { sender, inbox } of this.model.messages.values()) {
      if (inbox.startsWith("@")) continue;
      if (sender === account) names.add(inbox);
      if (inbox === account) names.add(sender);
    }
    return [...names];
  }

  /** A version that is none yet is another store's: it counts as 0. */
  private known(version: bigint): bigint {
    return version > this.model.lastId ? 0n : version;
  }

  private readId(account: string, name: string): bigint {
    return this.model.reads.get(account)?.get(name) ?? 0n;
  }

  private conversation(account: string, name: string): object {
    const { isPinned, isMuted, hiddenId, clearedTo } = this.model.settingOf(account, name);
    const visible = this.model.visible(account, name);
    const last = visible.at(-1);
    const activityId = this.model.activity(account, name);
    const readId = this.readId(account, name);
    const unread = visible.filter(({ id, sender }) => sender !== account && id > max(readId, clearedTo));
    const mentions = unread.filter((each) => each.mentions.includes(account) || each.mentions.includes("*"));
    return {
      ...namedBy(name),
      activityId,
      ...(last !== undefined && { lastMessage: cutShort(this.message(account, last)) }),
      unread: Math.min(unread.length, unreadMax),
      atLeast: unread.length >= unreadMax,
      unreadMentions: Math.min(mentions.length, unreadMax),
      readId,
      peerReadId: name.startsWith("@") || this.model.people.isBlocked(name, account) ? 0n : this.readId(name, account),
      pinned: isPinned,
      muted: isMuted,
      hidden: hiddenId > 0n && activityId <= hiddenId,
    };
  }

  private message(account: string, message: ModelMessage): ShownMessage {
    const { id: messageId, sender, sendTime, type, body, extra, mentions, replyTo } = message;
    const reactions = [...message.reactions]
      .toSorted(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
      .map(([reaction, accounts]) => ({ reaction, count: accounts.size, mine: accounts.has(account) }));
    const { isEdited: edited, isRecalled: recalled } = message;
    const text = { messageId, sender, sendTime, type, body, extra, edited, recalled, replyTo, reactions };
    return { ...text, mentions: [...mentions], cut: false, account: "", group: "", media: [] };
  }
}

/** Whether the group is the account's now, with the message in the same window: then it saw every entry of it. */
export function sawAll(model: ConversationModel, account: string, { id, inbox }: ModelMessage): boolean {
  if (!inbox.startsWith("@")) return true;
  const window = model.groups.get(inbox)?.windows.get(account)?.at(-1);
  return window !== undefined && window.until === endId && window.from < id;
}

function namedBy(name: string): { readonly account: string; readonly group: string } {
  return name.startsWith("@") ? { account: "", group: name.slice(1) } : { account: name, group: "" };
}

function cutShort(message: ShownMessage): ShownMessage {
  if (Buffer.byteLength(message.body) <= lastBodyBytesMax && message.extra === "") return message;
  let body = "";
  for (const character of message.body) {
    if (Buffer.byteLength(body + character) > lastBodyBytesMax) break;
    body += character;
  }
  return { ...message, body, extra: "", cut: true };
}

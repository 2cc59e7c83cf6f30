// The messages of a simulated database: rows by id, by receiver and by clientId, and who may read them.

import type { ConversationName } from "../../src/store/conversations.ts";
import type { TalkRight } from "../../src/store/people.ts";
import type { Talk, TalkOutcome } from "../../src/store/store.ts";
import type { StoredGroups } from "./stored-groups.ts";

/** A message as it is now. */
export interface StoredMessage extends ConversationName {
  readonly messageId: bigint;
  readonly sendTime: bigint;
  readonly sender: string;
  readonly type: number;
  readonly clientId: string;
  readonly previousId: bigint;
  readonly previousEntryId: bigint;
  readonly groupVersion: bigint;
  readonly replyTo: bigint;
  /** The message that its replies lead to; 0n without. */
  readonly thread: bigint;
  /** The text that it began with: for those who compare, not for those who read. */
  readonly said: string;
  body: string;
  extra: string;
  mentions: readonly string[];
  isEdited: boolean;
  isRecalled: boolean;
  /** Accounts by reaction. */
  readonly reactions: Map<string, Set<string>>;
}

/** Whom a mention of everybody in the group names. */
export const everybody = "*";

export class StoredMessages {
  private readonly groups: StoredGroups;
  private readonly byId = new Map<bigint, StoredMessage>();
  private readonly byClientId = new Map<string, StoredMessage>();
  /** Whether an account may talk in a conversation. */
  readonly mayTalk: (account: string, name: ConversationName) => TalkRight;

  constructor(groups: StoredGroups, mayTalk: StoredMessages["mayTalk"]) {
    this.groups = groups;
    this.mayTalk = mayTalk;
  }

  /** In the order of ids. */
  get all(): readonly StoredMessage[] {
    return [...this.byId.values()];
  }

  get(messageId: bigint): StoredMessage | undefined {
    return this.byId.get(messageId);
  }

  /** Adds a checked talk. */
  add(
    talk: Talk,
    ids: Pick<StoredMessage, "messageId" | "previousEntryId"> & { readonly sendTime: bigint },
  ): StoredMessage {
    const { sender, toGroup, dest, type, clientId, body, extra, mentions = [], replyTo = 0n } = talk;
    const message: StoredMessage = {
      ...ids,
      sender,
      toGroup,
      dest,
      type,
      clientId,
      body,
      extra,
      mentions,
      replyTo,
      previousId: this.last(talk),
      groupVersion: toGroup ? this.groups.version(dest) : 0n,
      thread: replyTo === 0n ? 0n : this.get(replyTo)?.thread || replyTo,
      said: body,
      isEdited: false,
      isRecalled: false,
      reactions: new Map(),
    };
    this.byId.set(message.messageId, message);
    if (clientId !== "") this.byClientId.set(JSON.stringify([sender, clientId]), message);
    return message;
  }

  /** As if it had never been stored. */
  forget({ messageId, sender, clientId }: StoredMessage): void {
    this.byId.delete(messageId);
    this.byClientId.delete(JSON.stringify([sender, clientId]));
  }

  /** The message that a talk repeats. */
  earlier({ sender, clientId }: Talk): StoredMessage | undefined {
    return clientId === "" ? undefined : this.byClientId.get(JSON.stringify([sender, clientId]));
  }

  /** Why a talk may not be stored. */
  refusal(talk: Talk): Exclude<TalkOutcome["result"], "stored"> | undefined {
    const { sender, toGroup, dest, mentions = [], replyTo = 0n } = talk;
    const { groups } = this;
    const right = this.mayTalk(sender, talk);
    if (right !== "allowed") return right;
    if (mentions.includes(everybody)) {
      if (!toGroup || !groups.isAdmin(dest, sender)) return "mentionOfAll";
    } else if (mentions.some((name) => (toGroup ? !groups.isMember(dest, name) : name !== sender && name !== dest)))
      return "mentionOfStranger";
    return replyTo === 0n || this.isIn(this.get(replyTo), sender, talk) ? undefined : "replyElsewhere";
  }

  /** The message is one of this conversation of an account, which may read it. */
  isIn(message: StoredMessage | undefined, account: string, { toGroup, dest }: ConversationName): boolean {
    if (message === undefined || message.toGroup !== toGroup) return false;
    if (toGroup) return message.dest === dest && this.mayRead(message, account);
    return isPair(message, account, dest);
  }

  mayRead(message: StoredMessage, account: string): boolean {
    return message.sender === account || this.isReceiver(message, account);
  }

  isReceiver({ toGroup, dest, messageId }: StoredMessage, account: string): boolean {
    return toGroup ? this.groups.isWithin(dest, account, messageId) : dest === account;
  }

  /** The account has this conversation. */
  hasConversation(account: string, name: ConversationName): boolean {
    if (name.toGroup) return this.groups.windowsOf(name.dest, account).length > 0;
    return this.byId.values().some((message) => !message.toGroup && isPair(message, account, name.dest));
  }

  /** The id of an account's last join of a group; 0n without. */
  joined(account: string, { toGroup, dest }: ConversationName): bigint {
    return toGroup ? (this.groups.windowsOf(dest, account).at(-1)?.from ?? 0n) : 0n;
  }

  /** Retention deletes the messages up to an id. */
  deleteUpTo(id: bigint): void {
    for (const message of this.all) if (message.messageId <= id) this.forget(message);
  }

  private last({ toGroup, dest }: ConversationName): bigint {
    return this.all.findLast((each) => each.toGroup === toGroup && each.dest === dest)?.messageId ?? 0n;
  }
}

/** The conversation of a message as one of its accounts names it. */
export function conversationOf({ toGroup, dest, sender }: StoredMessage, account: string): ConversationName {
  return { toGroup, dest: toGroup || sender === account ? dest : sender };
}

function isPair({ sender, dest }: StoredMessage, one: string, other: string): boolean {
  return (sender === one && dest === other) || (sender === other && dest === one);
}

/** A repeated talk says what was stored; of a message that was changed since, its receiver alone decides. */
export function isRepeat(message: StoredMessage, { toGroup, dest, type, body, extra }: Talk): boolean {
  if (message.toGroup !== toGroup || message.dest !== dest) return false;
  const isChanged = message.isEdited || message.isRecalled;
  return isChanged || (message.type === type && message.body === body && message.extra === extra);
}

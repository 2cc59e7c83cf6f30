// What a simulated client keeps: the messages and entries that it knows, and its account's view of conversations.

import type { ConversationName } from "../../src/store/conversations.ts";
import type { AccountStateResp, BlockState, ConversationSetting } from "../../src/wire/gen/pkt_pb.ts";

/** A message as far as the client knows it. */
export interface Known extends ConversationName {
  readonly messageId: bigint;
  readonly sender: string;
  /** As it shows it: '' of a recalled one. */
  text: string;
  isRecalled: boolean;
}

/** How far an account and its partner have read a conversation. */
interface Reads {
  own: bigint;
  peer: bigint;
}

/** A conversation as the last list had it. */
export interface Listed extends ConversationName {
  readonly readId: bigint;
  readonly unread: number;
  readonly activityId: bigint;
}

/** What was said first in this text: an edit adds `~` and a number. */
export function nameOf(text: string): string {
  return text.split("~")[0] ?? "";
}

export function keyOf({ toGroup, dest }: ConversationName): string {
  return `${toGroup ? "@" : ""}${dest}`;
}

/** A conversation as messages of the protocol name it. */
export function namedBy({ account, group }: { readonly account: string; readonly group: string }): ConversationName {
  return group === "" ? { toGroup: false, dest: account } : { toGroup: true, dest: group };
}

export class PhoneDisk {
  readonly known = new Map<bigint, Known>();
  /** Entries that are not messages. */
  readonly entries = new Set<bigint>();
  /** Messages whose text has changed since it was read, and how often. */
  readonly stale = new Map<bigint, number>();
  /** The id up to which it has read the index. */
  cursor: bigint;
  /** Of the last answer to account.state. */
  version = 0n;
  readonly settings = new Map<string, ConversationSetting>();
  readonly hidden = new Set<bigint>();
  /** Of blocks, and of their ends, by account. */
  readonly blocks = new Map<string, BlockState>();
  private readonly readsOf = new Map<string, Reads>();
  /** Conversations whose read cursors it has learned, and is told of. */
  followed: ReadonlySet<string> = new Set();
  /** The last list, by conversation. */
  listed: ReadonlyMap<string, Listed> = new Map();

  constructor(cursor: bigint) {
    this.cursor = cursor;
  }

  reads(name: ConversationName): Reads {
    return this.readsOf.getOrInsertComputed(keyOf(name), () => ({ own: 0n, peer: 0n }));
  }

  /** The text of a message has changed. */
  outdate(messageId: bigint): void {
    this.stale.set(messageId, (this.stale.get(messageId) ?? 0) + 1);
  }

  /** Applies what account.state or account.changed has told; what is older than what it has changes nothing. */
  apply({ conversations, hiddenMessages, blocks }: AccountStateResp): void {
    for (const setting of conversations) {
      const key = keyOf(namedBy(setting));
      if (setting.version >= (this.settings.get(key)?.version ?? 0n)) this.settings.set(key, setting);
    }
    for (const messageId of hiddenMessages) this.hidden.add(messageId);
    for (const block of blocks)
      if (block.version >= (this.blocks.get(block.account)?.version ?? 0n)) this.blocks.set(block.account, block);
  }

  /** Received messages of a conversation that are not read, by what it knows, above the cursor `readId`. */
  unread(account: string, name: ConversationName, readId: bigint): number {
    const clearedTo = this.settings.get(keyOf(name))?.clearedTo ?? 0n;
    return this.known
      .values()
      .filter(
        ({ messageId, sender, toGroup, dest }) =>
          toGroup === name.toGroup &&
          dest === name.dest &&
          sender !== account &&
          messageId > readId &&
          messageId > clearedTo &&
          !this.hidden.has(messageId),
      )
      .toArray().length;
  }
}

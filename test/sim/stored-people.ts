// What accounts let others do in a simulated database: blocks, and what follows from them, from conversations and from
// groups. Nobody has other settings, or a profile.

import { watchGroupMax } from "../../src/base/limits/fixed.ts";
import type { BlockState, ConversationName, SettingOutcome } from "../../src/store/conversations.ts";
import { mayReach, mayWatch } from "../../src/store/group-rights.ts";
import type { BlockChange, LastSeen, StoredBlock, TalkAnswer, TalkRight } from "../../src/store/people.ts";
import type { StoredGroups } from "./stored-groups.ts";
import type { StoredMessages } from "./stored-messages.ts";

export class StoredPeople {
  private readonly groups: StoredGroups;
  private readonly messages: StoredMessages;
  /** By account, and by the account that it blocks, or blocked. */
  private readonly blocks = new Map<string, Map<string, BlockState>>();
  /** Minutes, by account. */
  private readonly seen = new Map<string, number>();
  /** The version of the last block, or of its end. */
  guardVersion = 0n;

  constructor(groups: StoredGroups, messages: StoredMessages) {
    this.groups = groups;
    this.messages = messages;
  }

  /** `nextId` takes an id of the log. */
  block({ account, blocked, isOff }: Omit<BlockChange, "app">, nextId: () => bigint): SettingOutcome {
    const before = this.blocks.get(account)?.get(blocked);
    if (before === undefined ? isOff : before.isOff === isOff)
      return { result: "unchanged", version: before?.version ?? 0n };
    const version = nextId();
    this.blocks.getOrInsertComputed(account, () => new Map()).set(blocked, { account: blocked, isOff, version });
    this.guardVersion = version;
    return { result: "stored", version };
  }

  /** The blocks of an account, and those that have ended. */
  blocksOf(account: string): readonly BlockState[] {
    return [...(this.blocks.get(account)?.values() ?? [])];
  }

  /** The version of a block, or of its end; 0n if there never was one. */
  blockVersion(account: string, blocked: string): bigint {
    return this.blocks.get(account)?.get(blocked)?.version ?? 0n;
  }

  isBlocked(account: string, blocked: string): boolean {
    return this.blocks.get(account)?.get(blocked)?.isOff === false;
  }

  blocksAfter(after: bigint, limit: number): readonly StoredBlock[] {
    return [...this.blocks]
      .flatMap(([account, states]) => [...states.values()].map((state) => ({ ...state, by: account })))
      .filter(({ isOff, version }) => !isOff && version > after)
      .toSorted((one, other) => (one.version < other.version ? -1 : 1))
      .slice(0, limit)
      .map(({ by, account: blocked, version }) => ({ version, app: "app", account: by, blocked }));
  }

  /** Whether an account may write to another. */
  mayReach(actor: string, account: string): boolean {
    return mayReach({
      isSelf: actor === account,
      isBlocked: this.isBlocked(account, actor),
      consent: "everybody",
      hasConversation: this.hasConversation(actor, account),
    });
  }

  mayWatch(watcher: string, account: string): boolean {
    return mayWatch({
      isSelf: watcher === account,
      isBlocked: this.isBlocked(account, watcher),
      hasConversation: this.hasConversation(watcher, account),
      sharesGroup: this.groups
        .groupsOf(watcher)
        .some(
          (group) =>
            this.groups.isMember(group, watcher) &&
            this.groups.isMember(group, account) &&
            this.groups.members(group).length <= watchGroupMax,
        ),
    });
  }

  mayTalk(account: string, { toGroup, dest }: ConversationName): TalkRight {
    if (toGroup) return this.groups.mayTalk(dest, account);
    return this.mayReach(account, dest) ? "allowed" : "unwilling";
  }

  talkAnswer(account: string, name: ConversationName): TalkAnswer {
    return { right: this.mayTalk(account, name), groupVersion: name.toGroup ? this.groups.version(name.dest) : 0n };
  }

  markSeen(marks: readonly LastSeen[]): void {
    for (const { account, minute } of marks) this.seen.set(account, Math.max(minute, this.seen.get(account) ?? 0));
  }

  lastSeen(accounts: readonly string[]): readonly number[] {
    return accounts.map((account) => this.seen.get(account) ?? 0);
  }

  private hasConversation(account: string, dest: string): boolean {
    return this.messages.hasConversation(account, { toGroup: false, dest });
  }
}

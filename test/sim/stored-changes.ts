// Edits, recalls and reactions in a simulated database, and the entries of the log that they are.

import { reactionKindsMax } from "../../src/base/limits/fixed.ts";
import { type ChangeOutcome, type Entry, entryKind, type MessageChange } from "../../src/store/conversations.ts";
import type { StoredEntry } from "../../src/store/groups.ts";
import { rightTo } from "../../src/store/rights.ts";
import type { LogEntry } from "../../src/store/store.ts";
import type { StoredGroups } from "./stored-groups.ts";
import { conversationOf, type StoredMessage, type StoredMessages } from "./stored-messages.ts";

type Edit = Extract<MessageChange, { kind: "edit" }>;

const nsPerMs = 1_000_000n;

export class StoredChanges {
  /** In the order of ids. */
  readonly entries: Entry[] = [];
  /** The text that each edit brought: for those who compare, not for those who read. */
  readonly edits = new Map<bigint, string>();
  private readonly groups: StoredGroups;
  private readonly messages: StoredMessages;
  private readonly byClientId = new Map<string, Entry>();

  constructor(groups: StoredGroups, messages: StoredMessages) {
    this.groups = groups;
    this.messages = messages;
  }

  /** `nextId` takes an id of the log. */
  change(change: MessageChange, nextId: () => bigint): ChangeOutcome {
    const message = this.messages.get(change.messageId);
    if (message === undefined) return { result: "notFound" };
    const repeated = change.kind === "edit" ? this.repeated(change) : undefined;
    if (repeated !== undefined) return inForce(repeated);
    const right = rightTo(change.kind, this.facts(change, message));
    if (right === "unchanged") return inForce(this.recallOf(message));
    if (right !== "allowed") return { result: right };
    return this.apply(change, message, nextId);
  }

  /** The edit that this one repeats. */
  protected repeated(change: Edit): Entry | undefined {
    return change.clientId === "" ? undefined : this.byClientId.get(editKey(change));
  }

  /** What the transaction knows. */
  protected facts(change: MessageChange, message: StoredMessage): Parameters<typeof rightTo>[1] {
    const { actor } = change;
    const { toGroup, dest, sender, sendTime, isRecalled } = message;
    const window = change.kind === "react" ? 0n : BigInt(change.windowMs) * nsPerMs;
    return {
      isAuthor: sender === actor,
      mayRead: this.messages.mayRead(message, actor),
      mayTalk: this.messages.mayTalk(actor, conversationOf(message, actor)) === "allowed",
      isAdmin: toGroup && this.groups.isAdmin(dest, actor),
      isRecalled,
      isRecent: window > 0n && nowNs() - sendTime <= window,
    };
  }

  /** The last entry in the list of an account, or of a group. */
  last(account: string, group: string): bigint {
    return this.entries.findLast((entry) => entry.account === account && entry.group === group)?.entryId ?? 0n;
  }

  /** An account may see an entry: its own ones only with `includeSent`. */
  concerns({ entryId, actor, account: partner, group }: Entry, account: string, includeSent: boolean): boolean {
    if (actor === account && partner !== account && !includeSent) return false;
    return group === "" ? partner === account || actor === account : this.groups.isWithinOrAt(group, account, entryId);
  }

  /** Adds the entry of a change of a group. */
  enter(change: Pick<StoredEntry["entry"], "entryId" | "kind" | "actor" | "group" | "detail">): StoredEntry {
    const entry = { ...change, refersTo: 0n, time: nowNs(), account: "", reaction: "", isOff: false };
    const previousEntryId = this.last("", change.group);
    this.entries.push(entry);
    return { entry, previousEntryId, isQuiet: false };
  }

  private apply(change: MessageChange, message: StoredMessage, nextId: () => bigint): ChangeOutcome {
    switch (change.kind) {
      case "edit":
        message.body = change.body;
        message.extra = change.extra;
        message.isEdited = true;
        break;
      case "recall":
        message.body = "";
        message.extra = "";
        message.mentions = [];
        message.isRecalled = true;
        message.reactions.clear();
        break;
      case "react": {
        const refused = this.react(change, message);
        if (refused !== undefined) return refused;
      }
    }
    return this.added(change, message, nextId());
  }

  private react(
    { actor, messageId, reaction, isOff }: Extract<MessageChange, { kind: "react" }>,
    { reactions }: StoredMessage,
  ): ChangeOutcome | undefined {
    const accounts = reactions.get(reaction) ?? new Set();
    if (accounts.has(actor) !== isOff) return inForce(this.reactionBy(actor, messageId, reaction));
    if (!isOff && accounts.size === 0 && reactions.size >= reactionKindsMax) return { result: "full" };
    if (isOff) accounts.delete(actor);
    else accounts.add(actor);
    if (accounts.size === 0) reactions.delete(reaction);
    else reactions.set(reaction, accounts);
    return undefined;
  }

  private added(change: MessageChange, { toGroup, dest, sender }: StoredMessage, entryId: bigint): ChangeOutcome {
    const { actor, messageId: refersTo } = change;
    const account = toGroup ? "" : actor === sender ? dest : sender;
    const group = toGroup ? dest : "";
    const entry: Entry = {
      entryId,
      kind: { edit: entryKind.edited, recall: entryKind.recalled, react: entryKind.reacted }[change.kind],
      refersTo,
      actor,
      time: nowNs(),
      account,
      group,
      reaction: change.kind === "react" ? change.reaction : "",
      isOff: change.kind === "react" && change.isOff,
    };
    const previousEntryId = this.last(account, group);
    this.entries.push(entry);
    if (change.kind === "edit") {
      this.edits.set(entryId, change.body);
      if (change.clientId !== "") this.byClientId.set(editKey(change), entry);
    }
    return { result: "stored", entry, previousEntryId, groupVersion: toGroup ? this.groups.version(dest) : 0n };
  }

  /** The last entry about a reaction of an account; it is in force. */
  private reactionBy(actor: string, messageId: bigint, reaction: string): Entry | undefined {
    return this.entries.findLast(
      (entry) => entry.refersTo === messageId && entry.actor === actor && entry.reaction === reaction,
    );
  }

  private recallOf({ messageId }: StoredMessage): Entry | undefined {
    return this.entries.find(({ kind, refersTo }) => kind === entryKind.recalled && refersTo === messageId);
  }
}

/** An entry as `account` reads it in the log. */
export function asLogEntry(entry: Entry, account: string): LogEntry {
  const { entryId, kind, refersTo, actor, time, account: partner, group, reaction, isOff, detail } = entry;
  const isSent = actor === account && partner !== account;
  return {
    messageId: entryId,
    direction: isSent ? 1 : 0,
    sendTime: time,
    otherAccount: isSent && group === "" ? partner : actor,
    group,
    kind,
    refersTo,
    mentions: [],
    replyTo: 0n,
    reaction,
    isOff,
    ...(detail && { detail }),
  };
}

function inForce(entry: Entry | undefined): ChangeOutcome {
  return { result: "unchanged", entryId: entry?.entryId ?? 0n, time: entry?.time ?? 0n };
}

function editKey({ actor, messageId, clientId }: Edit): string {
  return JSON.stringify([actor, `${messageId}`, clientId]);
}

function nowNs(): bigint {
  return BigInt(Date.now()) * nsPerMs;
}

// Messages and entries of the model of conversations, and what a change makes of them.

import { entryAccountsMax } from "../../src/base/limits/fixed.ts";
import {
  type ChangeOutcome,
  entryKind,
  type GroupEntryDetail,
  type MessageChange,
} from "../../src/store/conversations.ts";

export interface ModelMessage {
  readonly id: bigint;
  readonly sender: string;
  /** The receiver, or `@` and the group. */
  readonly inbox: string;
  readonly sendTime: bigint;
  readonly type: number;
  readonly replyTo: bigint;
  /** The first message of its thread; its own id if it answers none. */
  readonly root: bigint;
  mentions: readonly string[];
  body: string;
  extra: string;
  isEdited: boolean;
  isRecalled: boolean;
  /** By reaction: the accounts, and the entries by which they reacted. */
  readonly reactions: Map<string, Map<string, ModelEntry>>;
}
export interface ModelEntry {
  readonly id: bigint;
  readonly kind: number;
  readonly actor: string;
  readonly inbox: string;
  readonly refersTo: bigint;
  readonly time: bigint;
  readonly clientId: string;
  readonly reaction: string;
  readonly isOff: boolean;
  /** Of a change of a group. */
  readonly detail?: GroupEntryDetail;
  /** No other entry names it. */
  readonly isQuiet?: boolean;
}

/** An entry of a change of a group, or of a pin, before it has an id. `inbox`: the partner, or `@` and the group. */
export interface EntryDraft {
  readonly kind: number;
  readonly actor: string;
  readonly inbox: string;
  /** All of those concerned. */
  readonly accounts?: readonly string[];
  readonly detail?: Omit<GroupEntryDetail, "accounts" | "count">;
  readonly refersTo?: bigint;
  readonly isOff?: boolean;
  readonly isQuiet?: boolean;
}
export function apply(change: MessageChange, message: ModelMessage, entry: ModelEntry): void {
  switch (change.kind) {
    case "edit":
      message.body = change.body;
      message.extra = change.extra;
      message.isEdited = true;
      return;
    case "recall":
      message.body = message.extra = "";
      message.mentions = [];
      message.reactions.clear();
      message.isRecalled = true;
      return;
    case "react": {
      const accounts = message.reactions.getOrInsertComputed(change.reaction, () => new Map());
      if (change.isOff) accounts.delete(entry.actor);
      else accounts.set(entry.actor, entry);
      if (accounts.size === 0) message.reactions.delete(change.reaction);
    }
  }
}

export function entryOf(
  change: MessageChange,
  { id: refersTo, inbox, sender }: ModelMessage,
  { entryId: id, time }: { readonly entryId: bigint; readonly time: bigint },
): ModelEntry {
  const { actor, kind } = change;
  return {
    id,
    kind: { edit: entryKind.edited, recall: entryKind.recalled, react: entryKind.reacted }[kind],
    actor,
    inbox: inbox.startsWith("@") || sender === actor ? inbox : sender,
    refersTo,
    time,
    clientId: kind === "edit" ? change.clientId : "",
    reaction: kind === "react" ? change.reaction : "",
    isOff: kind === "react" && change.isOff,
  };
}

export function groupEntry(
  { kind, actor, inbox, accounts = [], detail, refersTo = 0n, isOff = false, isQuiet = false }: EntryDraft,
  { id, time }: Pick<ModelEntry, "id" | "time">,
): ModelEntry & { readonly detail: GroupEntryDetail } {
  const its = { accounts: accounts.slice(0, entryAccountsMax), count: accounts.length, ...detail };
  return { id, time, kind, actor, inbox, refersTo, clientId: "", reaction: "", isOff, detail: its, isQuiet };
}

export function unchangedBy(entry: ModelEntry | undefined): ChangeOutcome {
  return { result: "unchanged", entryId: entry?.id ?? 0n, time: entry?.time ?? 0n };
}

export function nameOf({ toGroup, dest }: { readonly toGroup: boolean; readonly dest: string }): string {
  return toGroup ? `@${dest}` : dest;
}

/** The conversation of a message, as an account names it that may read it. */
export function otherOf(account: string, { sender, inbox }: ModelMessage): string {
  return inbox.startsWith("@") || sender === account ? inbox : sender;
}

/** Whether a message is in a conversation of an account. */
export function isOf(account: string, name: string, { sender, inbox }: ModelMessage): boolean {
  if (name.startsWith("@")) return inbox === name;
  return (sender === account && inbox === name) || (sender === name && inbox === account);
}

export function max(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}

export function min(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}

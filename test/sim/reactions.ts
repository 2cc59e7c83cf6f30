// Reactions in a simulated database: the one kind of entries that simulated people make.

import type { ChangeOutcome, Entry, MessageChange } from "../../src/store/conversations.ts";
import { entryKind } from "../../src/store/conversations.ts";
import type { LogEntry } from "../../src/store/store.ts";

/** What a reaction needs to know of the message that it is about. */
interface Concerned {
  readonly sender: string;
  readonly toGroup: boolean;
  readonly dest: string;
}

/** The entries of all conversations, in the order of their ids. */
export class Reactions {
  readonly entries: Entry[] = [];

  /** Stores a reaction to a message that its actor may react to; `nextId` takes an id of the log. */
  react(
    change: MessageChange,
    { sender, toGroup, dest }: Concerned,
    groupVersion: bigint,
    nextId: () => bigint,
  ): ChangeOutcome {
    if (change.kind !== "react") throw new Error("simulated people only react");
    const { actor, messageId: refersTo, reaction, isOff } = change;
    const last = this.entries.findLast(
      (entry) => entry.refersTo === refersTo && entry.actor === actor && entry.reaction === reaction,
    );
    if (last === undefined ? isOff : last.isOff === isOff)
      return { result: "unchanged", entryId: last?.entryId ?? 0n, time: last?.time ?? 0n };
    const account = toGroup ? "" : actor === sender ? dest : sender;
    const group = toGroup ? dest : "";
    const entry: Entry = {
      entryId: nextId(),
      kind: entryKind.reacted,
      refersTo,
      actor,
      time: BigInt(Date.now()) * 1_000_000n,
      account,
      group,
      reaction,
      isOff,
    };
    const previousEntryId = this.last(account, group);
    this.entries.push(entry);
    return { result: "stored", entry, previousEntryId, groupVersion };
  }

  /** The last entry in the list of an account, or of a group. */
  last(account: string, group: string): bigint {
    return this.entries.findLast((entry) => entry.account === account && entry.group === group)?.entryId ?? 0n;
  }
}

/** An entry as `account` reads it in the log. */
export function asLogEntry(entry: Entry, account: string): LogEntry {
  const { entryId, kind, refersTo, actor, time, group, reaction, isOff } = entry;
  const isMine = actor === account;
  return {
    messageId: entryId,
    direction: isMine ? 1 : 0,
    sendTime: time,
    otherAccount: isMine && group === "" ? entry.account : actor,
    group,
    kind,
    refersTo,
    mentions: [],
    replyTo: 0n,
    reaction,
    isOff,
  };
}

// What Success has confirmed in a simulation, by the moment at which a client heard of it: every read that begins
// afterwards has to show it.

import type { ConversationName } from "../../src/store/conversations.ts";
import type { Database } from "./database.ts";

/** When a read began, and what had been confirmed by then. */
export type Began = number;

export class Confirmed {
  private readonly database: Database;
  private readonly fault: (what: string) => void;
  /** Counts confirmations: a read sees those that came before it. */
  private count = 0;
  private readonly recalls = new Map<bigint, Began>();
  private readonly edits = new Map<bigint, { readonly entryId: bigint; readonly at: Began }[]>();
  private readonly sayings = new Map<bigint, Began>();
  /** Talks on their way: when each attempt began, by its connection and sequence. */
  private readonly attempts = new Map<string, Began>();
  /** Entries of which an actor was told. */
  readonly entries = new Set<bigint>();

  constructor(database: Database, fault: (what: string) => void) {
    this.database = database;
    this.fault = fault;
  }

  /** A read begins. */
  begin(): Began {
    return this.count;
  }

  attempt(channelId: string, sequence: number): void {
    this.attempts.set(`${channelId} ${sequence}`, this.begin());
  }

  said(messageId: bigint): void {
    if (!this.sayings.has(messageId)) this.sayings.set(messageId, ++this.count);
  }

  recalled(messageId: bigint): void {
    if (!this.recalls.has(messageId)) this.recalls.set(messageId, ++this.count);
  }

  edited(messageId: bigint, entryId: bigint): void {
    this.edits.getOrInsertComputed(messageId, () => []).push({ entryId, at: ++this.count });
  }

  /** The confirmed messages among these, as of the beginning of a read. */
  of(messageIds: readonly bigint[], began: Began): readonly bigint[] {
    return messageIds.filter((messageId) => (this.sayings.get(messageId) ?? Infinity) <= began);
  }

  /** A client is shown a text by a read, which began then. */
  shown(label: string, messageId: bigint, text: string, began: Began): void {
    if (text === "") {
      if (this.database.messages.get(messageId)?.isRecalled !== true)
        this.fault(`${label} is shown no text of ${messageId}, which nobody has recalled`);
      return;
    }
    if ((this.recalls.get(messageId) ?? Infinity) <= began)
      this.fault(`${label} is shown ${text} (${messageId}) after its recall was confirmed`);
    const shown = this.database.changes.edits.entries().find(([, edit]) => edit === text)?.[0] ?? 0n;
    for (const { entryId, at } of this.edits.get(messageId) ?? [])
      if (at <= began && entryId > shown)
        this.fault(`${label} is shown ${text} (${messageId}) after the edit ${entryId} was confirmed`);
  }

  /** A client is pushed a message, which a talk has caused. */
  pushed(label: string, messageId: bigint, text: string, channelId: string, sequence: number): void {
    const began = this.attempts.get(`${channelId} ${sequence}`);
    if (began === undefined) this.fault(`${label} is pushed ${text} (${messageId}), which no talk of anybody caused`);
    else this.shown(`${label}, by a push,`, messageId, text, began);
  }

  /** An account blocks another, or did: so what is written to it may be refused. */
  mayBlock(account: string, blocked: string): boolean {
    return this.database.people.blockVersion(account, blocked) !== 0n;
  }

  /** Another device may have hidden it, or cleared its conversation. */
  isHidden(account: string, messageId: bigint): boolean {
    const message = this.database.messages.get(messageId);
    return message === undefined || !this.database.views.isSeen(message, account);
  }

  /** A list shows a read cursor behind where it was: only a crash of the database may have moved it back. */
  wentBack(label: string, account: string, name: ConversationName): void {
    if (!this.database.views.hasLost(account, name))
      this.fault(`${label} is listed a read cursor of ${name.dest} behind where it was`);
  }

  /** A push names the entry before an id in the list of an account, or of a group. */
  before(label: string, id: bigint, account: string, group: string, previousEntryId: bigint): void {
    const last = this.database.changes.entries.findLast(
      (entry) => entry.entryId < id && entry.account === account && entry.group === group,
    );
    if ((last?.entryId ?? 0n) !== previousEntryId)
      this.fault(
        `${label} is pushed ${id}, which names ${previousEntryId} as the entry before and not ${last?.entryId}`,
      );
  }
}

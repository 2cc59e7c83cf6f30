// An entry of the log of a group that is not a message, on its way to the members: as talk-delivery.ts, but only to
// connections with the feature `conversations`.

import type { Context } from "../../service/context.ts";
import type { PushHead } from "../../service/dispatcher.ts";
import { refusalOf } from "../../service/refusal.ts";
import type { Entry } from "../../store/conversations.ts";
import type { ChatParts } from "./chat-parts.ts";
import type { Delivery } from "./fan-out.ts";
import { audienceOf, membersOf } from "./talk-delivery.ts";

/** A stored entry, and what a push of it needs. */
export interface PushedEntry {
  readonly entry: Entry;
  /** The entry before this one in the list of the actor's partner, or of the group; 0n if none. */
  readonly previousEntryId: bigint;
  /** The id of the group's last change of membership; 0n for a direct conversation. */
  readonly groupVersion: bigint;
}

/** Who gets an entry of a group; nothing set: the members at its commit. */
export interface EntryReceivers {
  /** Besides the members: the accounts that the entry made members, or that it ended the membership of. */
  readonly besides?: readonly string[];
  /** These, and nobody else. */
  readonly only?: readonly string[];
}

type Parts = Pick<ChatParts, "audience" | "sessions" | "allowance" | "missedEvents" | "rareLog" | "metrics">;

export class EventDelivery implements Delivery {
  readonly app: string;
  readonly head: PushHead;
  readonly payer: string;
  private readonly actor: string;
  readonly scope = "conversations";
  private readonly parts: Parts;
  private readonly groupVersion: bigint;
  private readonly entryId: bigint;
  private readonly receivers: EntryReceivers;
  private readonly encoded: Uint8Array;
  private readonly paid: number;

  /** `paid`: what the actor has been charged already. */
  constructor(
    parts: Parts,
    head: PushHead,
    { app, account, payer }: Pick<Context, "app" | "account" | "payer">,
    { entry, groupVersion }: PushedEntry,
    receivers: EntryReceivers,
    encoded: Uint8Array,
    paid: number,
  ) {
    this.app = app;
    this.head = head;
    this.payer = payer;
    this.actor = account;
    this.parts = parts;
    this.groupVersion = groupVersion;
    this.entryId = entry.entryId;
    this.receivers = receivers;
    this.encoded = encoded;
    this.paid = paid;
  }

  /** That of a change of membership is like no message's: it goes to the members before and after it. */
  get audience(): bigint | undefined {
    const { besides, only } = this.receivers;
    return besides === undefined && only === undefined ? audienceOf(this.entryId, this.groupVersion) : undefined;
  }

  get bytes(): number {
    return this.encoded.length + 256;
  }

  body(): Uint8Array {
    return this.encoded;
  }

  accounts(): readonly string[] | Promise<readonly string[]> {
    const { besides, only } = this.receivers;
    if (only !== undefined) return only;
    const message = { messageId: this.entryId, groupVersion: this.groupVersion };
    const members = membersOf(this.parts, this.app, this.head.dest, this.actor, message);
    if (besides === undefined) return members;
    const all = (found: readonly string[]): readonly string[] => [...new Set([...found, ...besides])];
    return members instanceof Promise ? members.then(all) : all(members);
  }

  done(cost: number): void {
    this.parts.allowance.charge(this.app, this.payer, cost - this.paid);
  }

  failed(error: unknown): void {
    const { metrics, rareLog, missedEvents } = this.parts;
    if (refusalOf(error) === undefined) metrics.bug(error, "request", { command: this.head.command });
    else rareLog.warn("a push was lost; its entry is in the index", { error: String(error) });
    const { besides, only } = this.receivers;
    missedEvents.add(this.app, only ?? besides ?? []);
    if (only === undefined) missedEvents.addGroup(this.app, this.head.dest, this.groupVersion);
  }
}

// An entry of a group that is not a message, on its way to the members: as talk-delivery.ts, but only to connections
// with the feature `conversations`.

import type { Context } from "../../service/context.ts";
import type { PushHead } from "../../service/dispatcher.ts";
import { refusalOf } from "../../service/refusal.ts";
import type { ChangeOutcome } from "../../store/conversations.ts";
import type { ChatParts } from "./chat-parts.ts";
import type { Delivery } from "./fan-out.ts";
import { audienceOf, membersOf } from "./talk-delivery.ts";

export type StoredChange = Extract<ChangeOutcome, { result: "stored" }>;

type Parts = Pick<ChatParts, "audience" | "sessions" | "allowance" | "missedEvents" | "rareLog" | "metrics">;

export class EventDelivery implements Delivery {
  readonly app: string;
  readonly head: PushHead;
  readonly sender: string;
  readonly scope = "conversations";
  private readonly parts: Parts;
  private readonly groupVersion: bigint;
  private readonly entryId: bigint;
  private readonly encoded: Uint8Array;
  private readonly paid: number;

  /** `paid`: what the actor has been charged already. */
  constructor(
    parts: Parts,
    head: PushHead,
    { app, account }: Pick<Context, "app" | "account">,
    { entry, groupVersion }: StoredChange,
    encoded: Uint8Array,
    paid: number,
  ) {
    this.app = app;
    this.head = head;
    this.sender = account;
    this.parts = parts;
    this.groupVersion = groupVersion;
    this.entryId = entry.entryId;
    this.encoded = encoded;
    this.paid = paid;
  }

  get audience(): bigint {
    return audienceOf(this.entryId, this.groupVersion);
  }

  get bytes(): number {
    return this.encoded.length + 256;
  }

  body(): Uint8Array {
    return this.encoded;
  }

  accounts(): readonly string[] | Promise<readonly string[]> {
    const message = { messageId: this.entryId, groupVersion: this.groupVersion };
    return membersOf(this.parts, this.app, this.head.dest, this.sender, message);
  }

  done(cost: number): void {
    this.parts.allowance.charge(this.app, this.sender, cost - this.paid);
  }

  failed(error: unknown): void {
    const { metrics, rareLog, missedEvents } = this.parts;
    if (refusalOf(error) === undefined) metrics.bug(error, "request", { command: this.head.command });
    else rareLog.warn("a push was lost; its entry is in the index", { error: String(error) });
    missedEvents.addGroup(this.app, this.head.dest, this.groupVersion);
  }
}

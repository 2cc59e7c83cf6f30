// A talk that was stored on its way to the members of its group.

import type { Context } from "../../service/context.ts";
import type { PushHead } from "../../service/dispatcher.ts";
import type { Talk, TalkOutcome } from "../../store/store.ts";
import type { ChatParts } from "./chat-parts.ts";
import type { Delivery } from "./fan-out.ts";
import { mediaItemBytesMax, nameBytesMax, plainPushBytes, pushView } from "./talk-body.ts";

export type StoredTalk = Extract<TalkOutcome, { result: "stored" }>;

type Parts = Pick<ChatParts, "audience" | "sessions" | "allowance" | "latency" | "clock">;

export class TalkDelivery implements Delivery {
  readonly app: string;
  readonly head: PushHead;
  readonly payer: string;
  private readonly parts: Parts;
  private readonly talk: Talk;
  private readonly outcome: StoredTalk;
  private readonly receivedMs: number;
  private readonly paid: number;
  private readonly lost: (error: unknown) => void;

  /** `paid`: what its payer has been charged already. `lost` is told why it does not reach everybody. */
  constructor(
    parts: Parts,
    context: Context,
    talk: Talk,
    outcome: StoredTalk,
    paid: number,
    lost: (error: unknown) => void,
  ) {
    const { command, channelId, sequence, receivedMs, payer } = context;
    this.app = talk.app;
    this.head = { command, channelId, sequence, dest: talk.dest };
    this.payer = payer;
    this.parts = parts;
    this.talk = talk;
    this.outcome = outcome;
    this.receivedMs = receivedMs;
    this.paid = paid;
    this.lost = lost;
  }

  get audience(): bigint {
    return audienceOf(this.outcome.messageId, this.outcome.groupVersion);
  }

  get bytes(): number {
    return bytesOf(this.talk);
  }

  body(): Uint8Array {
    return pushView(this.talk, this.outcome);
  }

  /** The body was written last, by this delivery. */
  get plainBytes(): number {
    return plainPushBytes;
  }

  accounts(): readonly string[] | Promise<readonly string[]> {
    const { app, dest, sender } = this.talk;
    return membersOf(this.parts, app, dest, sender, this.outcome);
  }

  done(cost: number): void {
    const { allowance, clock, latency } = this.parts;
    allowance.charge(this.app, this.payer, cost - this.paid);
    latency.push.observeMs(clock.monotonicMs() - this.receivedMs);
  }

  failed(error: unknown): void {
    this.lost(error);
  }
}

/** What a talk holds while it waits: its texts, at a byte for a character, its mentions, its files, and the rest. */
export function bytesOf({ body, extra, mentions, media }: Talk): number {
  const named = mentions === undefined ? 0 : mentions.length * nameBytesMax;
  return body.length + extra.length + 256 + named + (media === undefined ? 0 : media.length * mediaItemBytesMax);
}

/** Messages between two changes of membership have the same recipients; a repeated one may precede both. */
export function audienceOf(messageId: bigint, groupVersion: bigint): bigint {
  return messageId < groupVersion ? messageId : groupVersion;
}

/** Returns the online accounts that were members of a group when the sender's message, or its entry, was committed. */
export function membersOf(
  { audience, sessions }: Pick<Parts, "audience" | "sessions">,
  app: string,
  group: string,
  sender: string,
  message: Pick<StoredTalk, "messageId" | "groupVersion">,
): readonly string[] | Promise<readonly string[]> {
  // Any look into the sessions first tells of all presence up to now: who has just signed in is not missed.
  const current = sessions.locate(app, [sender]);
  if (current instanceof Promise)
    return current.then(async () => [...(await audience.recipients(app, group, message))]);
  const found = audience.recipients(app, group, message);
  return found instanceof Promise ? found.then((accounts) => [...accounts]) : [...found];
}

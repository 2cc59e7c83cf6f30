// chat.signal: something for who is online now. It is stored nowhere, and dropped where much waits: Success does not
// say that anybody got it.

import { signalBodyBytesMax } from "../../base/limits/fixed.ts";
import type { Limits } from "../../base/limits/limits.ts";
import { create, toBinary } from "@bufbuild/protobuf";
import { AccountBuckets } from "../../base/account-buckets.ts";
import type { Clock } from "../../base/clock.ts";
import type { Context } from "../../service/context.ts";
import { deliveryCost, othersIn, type PushHead } from "../../service/dispatcher.ts";
import { Refusal, refusalOf } from "../../service/refusal.ts";
import type { Handler } from "../../service/router.ts";
import { checkSignal } from "../../service/signal-rule.ts";
import type { ConversationName } from "../../store/conversations.ts";
import type { PeopleStore } from "../../store/people.ts";
import { SignalSchema, Status } from "../../wire/gen/pkt_pb.ts";
import { isPressed } from "./admit-delivery.ts";
import type { ChatParts } from "./chat-parts.ts";
import { conversationOf, nameFields } from "./conversation-name.ts";
import type { Delivery } from "./fan-out.ts";
import { freeDeliveries } from "./fan-out-allowance.ts";
import { talkRefusal } from "./talk-refusals.ts";

/** Requests with more are not decoded: two names, the kind, the body. */
const requestBytesMax = 4 * 1024;
const typing = "typing";
/** What is shown of an account in a conversation is shown for this time: another one adds nothing. */
const typingMs = 2_000;
const typingMax = 50_000;

type Parts = Pick<
  ChatParts,
  "sessions" | "audience" | "allowance" | "dispatcher" | "fanOut" | "limits" | "metrics" | "clock"
>;

/** Answers when the signal has left, or was dropped. */
export function signal(parts: Parts, people: Pick<PeopleStore, "mayTalk">): Handler {
  const { allowance, limits, clock } = parts;
  const rates = new SignalRates(limits, clock);
  const typed = new TypingPauses(clock);
  return async (context) => {
    const request = checked(context);
    const name = conversationOf(request);
    const { app, account, payer } = context;
    rates.take(app, payer);
    allowance.admit(app, payer);
    const { right, groupVersion } = await people.mayTalk({ app, account, ...name });
    if (right !== "allowed") throw talkRefusal(right);
    const isTyping = request.kind === typing;
    const isDropped = isPressed(parts) || (isTyping && !typed.take(context, name));
    if (!isDropped) {
      const { kind, body } = request;
      const message = create(SignalSchema, { ...nameFields(name), kind, body, sender: account });
      await send(parts, context, { ...name, groupVersion }, toBinary(SignalSchema, message), isTyping);
    }
    context.respondEmpty();
  };
}

/** Decodes a request. Throws PayloadTooLarge and InvalidPacketBody. */
function checked(context: Context) {
  const { bodyBytes } = context;
  if (bodyBytes > requestBytesMax)
    throw new Refusal(Status.PayloadTooLarge, `a signal's body has at most ${signalBodyBytesMax} bytes`);
  const request = context.body(SignalSchema);
  checkSignal(request.kind, request.body);
  return request;
}

async function send(
  parts: Parts,
  context: Context,
  { toGroup, dest, groupVersion }: ConversationName & { readonly groupVersion: bigint },
  body: Uint8Array,
  isTyping: boolean,
): Promise<void> {
  const { sessions, audience, allowance, dispatcher, fanOut, limits } = parts;
  const { app, account, payer, channelId, command, sequence } = context;
  const head = { command, channelId, sequence, dest };
  if (!toGroup) {
    const located = await sessions.locate(app, dest === account ? [account] : [dest, account]);
    dispatcher.push(head, body, located, channelId, 0);
    const others = othersIn(located, channelId, "conversations");
    if (others > freeDeliveries) allowance.charge(app, payer, deliveryCost(others, body.length));
    return;
  }
  // Any look into the sessions first tells of all presence up to now: who has just signed in is not missed.
  await sessions.locate(app, []);
  // Another node may have changed who is a member.
  const online = [...(await audience.online(app, dest, groupVersion))];
  if (isTyping && online.length > limits.values.signalMembers) {
    limits.met("signalMembers", { app, group: dest });
    return;
  }
  const paid = online.length;
  allowance.charge(app, payer, paid);
  fanOut.add(new SignalDelivery(parts, { app, head, payer, accounts: online, body, paid }));
}

interface GroupSignal {
  readonly app: string;
  readonly head: PushHead;
  readonly payer: string;
  readonly accounts: readonly string[];
  readonly body: Uint8Array;
  /** What its payer was charged already. */
  readonly paid: number;
}

/** A signal on its way to the members of a group. */
class SignalDelivery implements Delivery {
  readonly app: string;
  readonly head: PushHead;
  readonly payer: string;
  readonly bytes: number;
  readonly audience = undefined;
  readonly scope = "conversations";
  private readonly parts: Pick<Parts, "allowance" | "metrics">;
  private readonly signal: GroupSignal;

  constructor(parts: SignalDelivery["parts"], sent: GroupSignal) {
    this.app = sent.app;
    this.head = sent.head;
    this.payer = sent.payer;
    this.bytes = sent.body.length + 256;
    this.parts = parts;
    this.signal = sent;
  }

  body(): Uint8Array {
    return this.signal.body;
  }

  accounts(): readonly string[] {
    return this.signal.accounts;
  }

  done(cost: number): void {
    this.parts.allowance.charge(this.app, this.payer, cost - this.signal.paid);
  }

  failed(error: unknown): void {
    // A signal that an engine loses is gone.
    if (refusalOf(error) === undefined) this.parts.metrics.bug(error, "request", { command: this.head.command });
  }
}

/** How many signals an account may send at this node. */
class SignalRates {
  private readonly limits: Limits;
  private readonly buckets: AccountBuckets;

  constructor(limits: Limits, clock: Pick<Clock, "monotonicMs">) {
    const { signalsPerSecond, signalsAtOnce } = limits.values;
    this.limits = limits;
    this.buckets = new AccountBuckets(signalsPerSecond, signalsAtOnce, clock);
    limits.measure("signalsAtOnce", () => this.buckets.largestUse);
  }

  /** Throws RateLimited. */
  take(app: string, account: string): void {
    if (account === "" || this.buckets.take(app, account)) return;
    const { signalsPerSecond, signalsAtOnce } = this.limits.values;
    this.limits.met("signalsPerSecond", { app, account });
    throw new Refusal(
      Status.RateLimited,
      `you send signals too fast: at most ${signalsPerSecond} a second, ${signalsAtOnce} at once`,
    );
  }
}

/**
 * Who was shown to type of late, bounded: beyond the bound nobody else is. What is old is forgotten a whole map at a
 * time: deleting a Map's oldest entries costs a walk over all entries deleted before.
 */
class TypingPauses {
  private readonly clock: Pick<Clock, "monotonicMs">;
  /** When: in this pause, and in the one before. */
  private shown = new Map<string, number>();
  private former = new Map<string, number>();
  private beganMs = 0;

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.clock = clock;
  }

  /** Returns false if an account was shown to type in that conversation less than a pause ago. */
  take({ app, account }: Pick<Context, "app" | "account">, { toGroup, dest }: ConversationName): boolean {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.beganMs >= typingMs) {
      this.former = nowMs - this.beganMs >= 2 * typingMs ? new Map() : this.shown;
      this.shown = new Map();
      this.beganMs = nowMs;
    }
    const key = JSON.stringify([app, account, toGroup, dest]);
    const atMs = this.shown.get(key) ?? this.former.get(key) ?? -Infinity;
    if (nowMs - atMs < typingMs || this.shown.size + this.former.size >= typingMax) return false;
    this.shown.set(key, nowMs);
    return true;
  }
}

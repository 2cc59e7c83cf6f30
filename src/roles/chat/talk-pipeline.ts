// Processes talks from arrival to push. The talks that arrive in one turn of the event loop are appended in one call;
// after the commit, senders are answered and pushes sent, in commit order. One promise a batch, none a message. A bug
// in one talk affects neither the rest of its batch nor later batches. A talk for which the store has to read first
// joins the batch of the turn in which that was read.

import { fromBinary } from "@bufbuild/protobuf";
import type { Context } from "../../service/context.ts";
import { deliveryCost, type Located, othersIn } from "../../service/dispatcher.ts";
import { refusalOf } from "../../service/refusal.ts";
import { failRequest } from "../../service/middleware/recover.ts";
import type { Talk, TalkOutcome } from "../../store/store.ts";
import { Command } from "../../wire/commands.ts";
import { type HistoryMessage, HistoryRespSchema, Status } from "../../wire/gen/pkt_pb.ts";
import { admitDelivery, unknownCost } from "./admit-delivery.ts";
import type { ChatParts } from "./chat-parts.ts";
import { freeDeliveries } from "./fan-out-allowance.ts";
import { requireAllowed } from "./require-allowed.ts";
import { plainPushBytes, pushView, talkAnswerView } from "./talk-body.ts";
import { bytesOf, type StoredTalk, TalkDelivery } from "./talk-delivery.ts";
import { checkTexts } from "./text-bounds.ts";
import { talkRefusals } from "./talk-refusals.ts";

/** Where a talk is to be pushed; undefined if there is nothing to push. */
type Target = Located | TalkDelivery | undefined;

/** What a mention or a file costs the store, in deliveries: it looks up whether it is there, and adds a row. */
const mentionCost = 8;

/** The most unconfirmed talks; beyond that, the oldest are forgotten. */
const unconfirmedMax = 10_000;

/** Gathers talks, commits them, answers and pushes. */
export class TalkPipeline {
  private readonly parts: ChatParts;
  private contexts: Context[] = [];
  private talks: Talk[] = [];
  /** The initial charge of each talk's sender. */
  private paid: number[] = [];
  /** Talks that may be stored although the store failed. */
  private readonly unconfirmed = new Set<string>();
  /** The end of the previous batch: batches are pushed in commit order. */
  private previous: Promise<void> = Promise.resolve();

  constructor(parts: ChatParts) {
    this.parts = parts;
  }

  /**
   * Accepts a checked talk; answers the context when the talk is committed or refused. Throws RateLimited if the sender
   * has used up its allowance, ServiceUnavailable if too many deliveries wait; then nothing is stored.
   */
  add(context: Context, talk: Talk): void {
    const { rates, before } = this.parts;
    const paid = this.admit(context, talk);
    const { toGroup } = talk;
    const bound = !toGroup && rates.mayNotMakeAccounts(context) ? { ...talk, toKnown: true } : talk;
    if (before.asksOfTalks(talk.app)) void this.askBefore(context, bound, paid);
    else this.prepare(context, bound, paid);
  }

  /** Asks the app's back end, which may refuse the talk or change its texts; answers of one sender come in order. */
  private async askBefore(context: Context, talk: Talk, paid: number): Promise<void> {
    try {
      const { body = talk.body, extra = talk.extra } = requireAllowed(await this.parts.before.ofTalk(talk));
      checkTexts(this.parts.limits, context, { body, extra, clientId: talk.clientId });
      this.prepare(context, { ...talk, body, extra }, paid);
    } catch (error) {
      failRequest(context, error, this.parts);
      this.refund(context, paid);
    }
  }

  private prepare(context: Context, bound: Talk, paid: number): void {
    const prepared = bound.toGroup ? undefined : this.parts.store.prepare(bound);
    if (prepared === undefined) this.gather(context, bound, paid);
    else {
      prepared.then(
        (ready) => this.gather(context, ready, paid),
        (error: unknown) => {
          failRequest(context, error, this.parts);
          this.refund(context, paid);
        },
      );
    }
  }

  private gather(context: Context, talk: Talk, paid: number): void {
    this.contexts.push(context);
    this.talks.push(talk);
    this.paid.push(paid);
    // A microtask runs after a link has delivered all its packets, which form one batch.
    if (this.talks.length === 1) queueMicrotask(this.appendBatch);
  }

  private readonly appendBatch = (): void => {
    const { contexts, talks, paid } = this;
    this.contexts = [];
    this.talks = [];
    this.paid = [];
    this.previous = this.finish(contexts, talks, paid, this.previous);
  };

  /** Charges a talk for its mentions, and one to a group for its online members; the delivery corrects that charge. */
  private admit(context: Context, talk: Talk): number {
    const { allowance, audience, limits } = this.parts;
    const { app, payer } = context;
    const { toGroup, dest, mentions, media } = talk;
    if (toGroup) admitDelivery(this.parts, context);
    else allowance.admit(app, payer);
    if (mentions !== undefined) allowance.charge(app, payer, mentions.length * mentionCost);
    if (media !== undefined) allowance.charge(app, payer, media.length * mentionCost);
    if (!toGroup) return 0;
    const online = audience.onlineCount(app, dest);
    const cost = online === undefined ? unknownCost(limits) : deliveryCost(online, bytesOf(talk));
    allowance.charge(app, payer, cost);
    return cost;
  }

  private async finish(
    contexts: readonly Context[],
    talks: readonly Talk[],
    paid: readonly number[],
    previous: Promise<void>,
  ): Promise<void> {
    let outcomes: readonly TalkOutcome[];
    try {
      outcomes = await this.parts.store.append(talks);
    } catch (error) {
      for (const [index, context] of contexts.entries()) {
        failRequest(context, error, this.parts);
        this.refund(context, paid[index]);
      }
      for (const talk of talks) this.rememberUnconfirmed(talk);
      // Later batches still wait for the earlier ones.
      await previous;
      return;
    }
    const committedMs = this.parts.clock.monotonicMs();
    for (const [index, context] of contexts.entries()) {
      const outcome = outcomes[index];
      if (outcome === undefined) continue;
      try {
        this.answer(context, outcome);
        if (outcome.result === "stored" && outcome.madeAccount) this.parts.rates.madeAccount(context);
      } catch (bug) {
        failRequest(context, bug, this.parts);
      }
      this.parts.latency.commit.observeMs(committedMs - context.receivedMs);
    }
    // Look-ups run concurrently: an engine outside the process answers them in one round trip.
    const located = contexts.map((context, index) =>
      this.locate(context, talks[index], outcomes[index], paid[index] ?? 0),
    );
    await previous;
    for (const [index, context] of contexts.entries()) {
      const talk = talks[index];
      const outcome = outcomes[index];
      if (talk === undefined || outcome?.result !== "stored") continue;
      const found = located[index];
      const target = found instanceof Promise ? await found : found;
      if (target instanceof TalkDelivery) {
        this.parts.fanOut.add(target);
        continue;
      }
      if (target === undefined) continue;
      try {
        this.send(context, talk, outcome, target);
      } catch (bug) {
        this.pushLost(talk, outcome, bug);
      }
    }
  }

  private answer(context: Context, outcome: TalkOutcome): void {
    switch (outcome.result) {
      case "stored":
        context.respondView(talkAnswerView(outcome.messageId, outcome.sendTime));
        return;
      case "unknown":
        this.parts.limits.met("accountsMadePerSecond", { app: context.app, account: context.account });
        context.refuse(Status.RateLimited, this.parts.rates.unknownReceiver);
        return;
      case "conflict":
        context.refuse(Status.InvalidPacketBody, "this clientId belongs to another message", true);
        return;
      case "mentionOfStranger":
        context.refuse(Status.Forbidden, "mentions must be of people in this conversation");
        return;
      case "mentionOfAll":
        context.refuse(Status.Forbidden, 'only the owner and the admins of a group may mention everybody ("*")');
        return;
      case "mediaUnusable":
        context.refuse(Status.Forbidden, "media must be uploads of your own that are complete, and not removed since");
        return;
      case "replyElsewhere":
        context.refuse(Status.InvalidPacketBody, "replyTo must be a message of this conversation that you may read");
        return;
      case "forbidden":
      case "notFound":
      case "muted":
      case "forAdmins":
      case "unwilling":
        context.refuse(...talkRefusals[outcome.result]);
        return;
    }
  }

  /** Finds the receivers of a stored talk. Failures do not concern the sender. */
  private locate(
    context: Context,
    talk: Talk | undefined,
    outcome: TalkOutcome | undefined,
    paid: number,
  ): Target | Promise<Target> {
    if (talk === undefined || outcome?.result !== "stored" || this.isPushed(talk, outcome)) {
      this.refund(context, paid);
      return undefined;
    }
    try {
      const target = outcome.repeated
        ? this.locateRepeated(context, talk, outcome, paid)
        : this.target(context, talk, outcome, paid);
      return target instanceof Promise ? target.catch((error: unknown) => this.pushLost(talk, outcome, error)) : target;
    } catch (error) {
      return this.pushLost(talk, outcome, error);
    }
  }

  /** A repetition was already pushed, unless another node stored the talk: that node may have died before the push. */
  private isPushed(talk: Talk, { repeated, writtenHere }: StoredTalk): boolean {
    return repeated && writtenHere && !this.unconfirmed.delete(keyOf(talk));
  }

  private target(
    context: Context,
    talk: Talk,
    outcome: StoredTalk,
    paid: number,
  ): Located | Promise<Located> | TalkDelivery {
    if (!talk.toGroup) return this.locateTwo(talk);
    const lost = (error: unknown): void => this.pushLost(talk, outcome, error);
    return new TalkDelivery(this.parts, context, talk, outcome, paid, lost);
  }

  /**
   * The message of a repeated talk may have been edited or recalled since, and a repetition, which is confirmed before
   * rights are asked, may mention and answer what the message does not. Nobody may be pushed a former text, or what was
   * never stored; those concerned are told to look.
   */
  private async locateRepeated(context: Context, talk: Talk, outcome: StoredTalk, paid: number): Promise<Target> {
    const found = await this.parts.store.messages(talk.app, talk.sender, [outcome.messageId]);
    const [stored] = fromBinary(HistoryRespSchema, found).messages;
    if (stored !== undefined && isAsStored(talk, stored)) return this.target(context, talk, outcome, paid);
    this.refund(context, paid);
    this.tellToLook(talk, outcome);
    return undefined;
  }

  /** Remembers a talk that may be stored although the store failed, so that its repetition is pushed. */
  private rememberUnconfirmed(talk: Talk): void {
    if (talk.clientId === "") return;
    const [oldest] = this.unconfirmed;
    if (this.unconfirmed.size >= unconfirmedMax && oldest !== undefined) this.unconfirmed.delete(oldest);
    this.unconfirmed.add(keyOf(talk));
  }

  private refund({ app, payer }: Context, paid = 0): void {
    if (paid > 0) this.parts.allowance.charge(app, payer, -paid);
  }

  private locateTwo({ app, dest, sender }: Talk): Located | Promise<Located> {
    return this.parts.sessions.locate(app, dest === sender ? [sender] : [dest, sender]);
  }

  private send(context: Context, talk: Talk, outcome: StoredTalk, located: Located): void {
    const others = othersIn(located, context.channelId);
    // Without receivers no push is encoded.
    if (others > 0) {
      const body = pushView(talk, outcome);
      this.parts.dispatcher.push(context, body, located, context.channelId, plainPushBytes);
    }
    if (others > freeDeliveries)
      this.parts.allowance.charge(context.app, context.payer, deliveryCost(others, bytesOf(talk)));
    this.parts.latency.push.observeMs(this.parts.clock.monotonicMs() - context.receivedMs);
  }

  /** Handles the loss of a stored talk's push, by an engine's failure or a bug: its receivers will receive a hint. */
  private pushLost(talk: Talk, outcome: StoredTalk, error: unknown): undefined {
    const { rareLog, metrics } = this.parts;
    if (refusalOf(error) === undefined)
      metrics.bug(error, "request", { command: talk.toGroup ? Command.GroupTalk : Command.UserTalk });
    else rareLog.warn("a push was lost; its message is in the index", { error: String(error) });
    this.tellToLook(talk, outcome);
    return undefined;
  }

  /** The receivers and the sender's other devices are sent chat.sync. */
  private tellToLook({ app, sender, toGroup, dest }: Talk, { groupVersion }: StoredTalk): void {
    const { missed } = this.parts;
    if (toGroup) missed.addGroup(app, dest, groupVersion);
    else missed.add(app, dest === sender ? [sender] : [dest, sender]);
  }
}

function isAsStored(talk: Talk, stored: HistoryMessage): boolean {
  const { type, body, extra, mentions = [], replyTo = 0n, media = [] } = talk;
  if (stored.recalled || stored.type !== type || stored.body !== body || stored.extra !== extra) return false;
  const isSame = (one: readonly { readonly id: string }[], other: typeof one): boolean =>
    one.map(({ id }) => id).join(",") === other.map(({ id }) => id).join(",");
  return stored.replyTo === replyTo && stored.mentions.join(",") === mentions.join(",") && isSame(stored.media, media);
}

function keyOf({ app, sender, clientId }: Talk): string {
  return JSON.stringify([app, sender, clientId]);
}

// Talks from arrival to push. What arrives in one turn is appended in one call; when that commit is done, senders are
// answered and receivers pushed to, in commit order. One promise a batch, none a message. A bug in one talk is
// contained there: the others of its batch, and the batches after it, go on.

import type { Context } from "../../service/context.ts";
import { deliveryCost, type Located, othersIn } from "../../service/dispatcher.ts";
import { refusalOf } from "../../service/refusal.ts";
import { failRequest } from "../../service/middleware/recover.ts";
import type { Talk, TalkOutcome } from "../../store/store.ts";
import { Command } from "../../wire/commands.ts";
import { Status } from "../../wire/gen/pkt_pb.ts";
import { admitDelivery } from "./admit-delivery.ts";
import type { ChatParts } from "./chat-parts.ts";
import { pushView, talkAnswerView } from "./talk-body.ts";
import { bytesOf, type StoredTalk, TalkDelivery } from "./talk-delivery.ts";

/** Of each account its locations; undefined when there is nobody to push to. */
type Found = Located | undefined;
/** A talk to one is delivered to this many without being charged. */
const freeDeliveries = 2;
/**
 * So many talks to groups that are not loaded may be under way: each is charged that part of the allowance at first.
 */
const unknownAtOnce = 200;

/** Talks that may be stored although the store did not say so; beyond it the oldest are forgotten. */
const doubtfulMax = 10_000;

/** Gathers talks, commits them, answers and pushes. */
export class TalkPipeline {
  private readonly parts: ChatParts;
  private contexts: Context[] = [];
  private talks: Talk[] = [];
  /** What the sender of each was charged when it came. */
  private paid: number[] = [];
  private readonly doubtful = new Set<string>();
  /** The end of the batch before: batches are pushed in the order in which they commit. */
  private previous: Promise<void> = Promise.resolve();

  constructor(parts: ChatParts) {
    this.parts = parts;
  }

  /**
   * Takes a checked talk; the context is answered when it is committed or refused. Throws RateLimited when its sender
   * has caused too much, ServiceUnavailable when too much waits to be pushed: then nothing is stored.
   */
  add(context: Context, talk: Talk): void {
    this.paid.push(this.admit(talk));
    this.contexts.push(context);
    const { app, sender, toGroup } = talk;
    const isBound = !toGroup && this.parts.rates.mayNotMakeAccounts(app, sender);
    this.talks.push(isBound ? { ...talk, toKnown: true } : talk);
    // A microtask runs after the callback in which a link delivered its packets: they make one batch.
    if (this.talks.length === 1) queueMicrotask(this.appendBatch);
  }

  private readonly appendBatch = (): void => {
    const { contexts, talks, paid } = this;
    this.contexts = [];
    this.talks = [];
    this.paid = [];
    this.previous = this.finish(contexts, talks, paid, this.previous);
  };

  /**
   * Charges a talk to a group for those who are online now; what it costs in the end is settled when it is delivered.
   */
  private admit(talk: Talk): number {
    const { allowance, audience, limits } = this.parts;
    const { app, sender, toGroup, dest } = talk;
    if (!toGroup) {
      allowance.admit(app, sender);
      return 0;
    }
    admitDelivery(this.parts, app, sender);
    const online = audience.onlineCount(app, dest);
    const cost =
      online === undefined
        ? Math.ceil(limits.values.fanOutAtOnce / unknownAtOnce)
        : deliveryCost(online, bytesOf(talk));
    allowance.charge(app, sender, cost);
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
        this.giveBack(talks[index], paid[index]);
      }
      for (const talk of talks) this.doubt(talk);
      // The next batch is pushed after those before this one, too.
      await previous;
      return;
    }
    const committedMs = this.parts.clock.monotonicMs();
    for (const [index, context] of contexts.entries()) {
      const outcome = outcomes[index];
      if (outcome === undefined) continue;
      try {
        this.answer(context, outcome);
        if (outcome.result === "stored" && outcome.madeAccount)
          this.parts.rates.madeAccount(context.app, context.account);
      } catch (bug) {
        failRequest(context, bug, this.parts);
      }
      this.parts.latency.commit.observeMs(committedMs - context.receivedMs);
    }
    // All are looked for at once: an engine that is not in memory answers them in one round trip.
    const located = contexts.map((context, index) =>
      this.locate(context, talks[index], outcomes[index], paid[index] ?? 0),
    );
    await previous;
    for (const [index, context] of contexts.entries()) {
      const talk = talks[index];
      const outcome = outcomes[index];
      if (talk === undefined || outcome?.result !== "stored") continue;
      const found = located[index];
      if (found instanceof TalkDelivery) {
        this.parts.fanOut.add(found);
        continue;
      }
      const locations = found instanceof Promise ? await found : found;
      if (locations === undefined) continue;
      try {
        this.send(context, talk, outcome, locations);
      } catch (bug) {
        this.lostTo(talk, outcome, bug);
      }
    }
  }

  private answer(context: Context, outcome: TalkOutcome): void {
    switch (outcome.result) {
      case "stored":
        context.respondView(talkAnswerView(outcome.messageId, outcome.sendTime));
        return;
      case "forbidden":
        context.refuse(Status.Forbidden, "you are not a member of this group");
        return;
      case "notFound":
        context.refuse(Status.NotFound, "there is no such group");
        return;
      case "unknown":
        this.parts.limits.met("accountsMadePerSecond", { app: context.app, account: context.account });
        context.refuse(Status.RateLimited, this.parts.rates.unknownReceiver);
        return;
      case "conflict":
        context.refuse(Status.InvalidPacketBody, "this clientId belongs to another message");
        return;
    }
  }

  /**
   * Where a stored talk is to be pushed to; undefined: nowhere. A failed push is not the sender's business: the message
   * is stored.
   */
  private locate(
    context: Context,
    talk: Talk | undefined,
    outcome: TalkOutcome | undefined,
    paid: number,
  ): Found | Promise<Found> | TalkDelivery {
    // A repeat was pushed by the node that stored it; if that was not this one, nobody here knows whether it lived to.
    const isPushed =
      talk !== undefined &&
      outcome?.result === "stored" &&
      outcome.repeated &&
      outcome.writtenHere &&
      !this.doubtful.delete(keyOf(talk));
    if (talk === undefined || outcome?.result !== "stored" || isPushed) {
      this.giveBack(talk, paid);
      return undefined;
    }
    try {
      if (talk.toGroup) {
        const lost = (error: unknown): void => this.lostTo(talk, outcome, error);
        return new TalkDelivery(this.parts, context, talk, outcome, paid, lost);
      }
      const found = this.locateTwo(talk);
      return found instanceof Promise ? found.catch((error: unknown) => this.lostTo(talk, outcome, error)) : found;
    } catch (error) {
      return this.lostTo(talk, outcome, error);
    }
  }

  /** Remembers a talk that may be stored although the store did not say so: its repeat is pushed. */
  private doubt(talk: Talk): void {
    if (talk.clientId === "") return;
    const [oldest] = this.doubtful;
    if (this.doubtful.size >= doubtfulMax && oldest !== undefined) this.doubtful.delete(oldest);
    this.doubtful.add(keyOf(talk));
  }

  /** A talk that reaches nobody costs nothing. */
  private giveBack(talk: Talk | undefined, paid = 0): void {
    if (talk !== undefined && paid > 0) this.parts.allowance.charge(talk.app, talk.sender, -paid);
  }

  private locateTwo({ app, dest, sender }: Talk): Found | Promise<Found> {
    return this.parts.sessions.locate(app, dest === sender ? [sender] : [dest, sender]);
  }

  private send(context: Context, talk: Talk, outcome: StoredTalk, located: Located): void {
    const others = othersIn(located, context.channelId);
    // For nobody, as when the receiver is away, no push is encoded.
    if (others > 0) this.parts.dispatcher.push(context, pushView(talk, outcome), located, context.channelId);
    if (others > freeDeliveries)
      this.parts.allowance.charge(talk.app, talk.sender, deliveryCost(others, bytesOf(talk)));
    this.parts.latency.push.observeMs(this.parts.clock.monotonicMs() - context.receivedMs);
  }

  /**
   * A message is stored and not pushed, as an engine is away or a bug was met: its receivers are told to look for it.
   */
  private lostTo({ app, sender, toGroup, dest }: Talk, { groupVersion }: StoredTalk, error: unknown): undefined {
    const { rareLog, metrics, missed } = this.parts;
    if (refusalOf(error) === undefined)
      metrics.bug(error, "request", { command: toGroup ? Command.GroupTalk : Command.UserTalk });
    else rareLog.warn("a push was lost; its message is in the index", { error: String(error) });
    if (toGroup) missed.addGroup(app, dest, groupVersion);
    else missed.add(app, dest === sender ? [sender] : [dest, sender]);
    return undefined;
  }
}

function keyOf({ app, sender, clientId }: Talk): string {
  return JSON.stringify([app, sender, clientId]);
}

// Talks from arrival to push. What arrives in one turn is appended in one call; when that commit is done, senders are
// answered and receivers pushed to, in commit order. One promise a batch, none a message. A bug in one talk is contained
// there: the others of its batch, and the batches after it, go on.

import type { Context } from "../../container/context.ts";
import { hasOthers, type Located } from "../../container/dispatcher.ts";
import { refusalOf } from "../../container/refusal.ts";
import { failRequest } from "../../container/middleware/recover.ts";
import type { Talk, TalkOutcome } from "../../store/store.ts";
import { Status } from "../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "./chat-parts.ts";
import { pushView, talkAnswerView } from "./talk-body.ts";

/** Of each account its locations; undefined when there is nobody to push to. */
type Found = Located | undefined;
type Stored = Extract<TalkOutcome, { result: "stored" }>;

/** Gathers talks, commits them, answers and pushes. */
export class TalkPipeline {
  private readonly parts: ChatParts;
  private contexts: Context[] = [];
  private talks: Talk[] = [];
  /** The end of the batch before: batches are pushed in the order in which they commit. */
  private previous: Promise<void> = Promise.resolve();

  constructor(parts: ChatParts) {
    this.parts = parts;
  }

  /** Takes a checked talk; the context is answered when it is committed or refused. */
  add(context: Context, talk: Talk): void {
    this.contexts.push(context);
    const { app, sender, toGroup } = talk;
    const isBound = !toGroup && this.parts.rates.mayNotMakeAccounts(app, sender);
    this.talks.push(isBound ? { ...talk, toKnown: true } : talk);
    // A microtask runs after the callback in which a link delivered its packets: they make one batch.
    if (this.talks.length === 1) queueMicrotask(this.appendBatch);
  }

  private readonly appendBatch = (): void => {
    const { contexts, talks } = this;
    this.contexts = [];
    this.talks = [];
    this.previous = this.finish(contexts, talks, this.previous);
  };

  private async finish(contexts: readonly Context[], talks: readonly Talk[], previous: Promise<void>): Promise<void> {
    let outcomes: readonly TalkOutcome[];
    try {
      outcomes = await this.parts.store.append(talks);
    } catch (error) {
      for (const context of contexts) failRequest(context, error, this.parts);
      return;
    }
    const committedMs = performance.now();
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
    const located = contexts.map((context, index) => this.locate(context, talks[index], outcomes[index]));
    await previous;
    for (const [index, context] of contexts.entries()) {
      const talk = talks[index];
      const outcome = outcomes[index];
      if (talk === undefined || outcome?.result !== "stored") continue;
      const found = located[index];
      const locations = found instanceof Promise ? await found : found;
      if (locations === undefined) continue;
      try {
        this.send(context, talk, outcome, locations);
      } catch (bug) {
        this.lost(context, bug);
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
   * Where a stored talk is to be pushed to; undefined: nowhere. A failed push is not the sender's business: the message is
   * stored (pitfall 26).
   */
  private locate(context: Context, talk: Talk | undefined, outcome: TalkOutcome | undefined): Found | Promise<Found> {
    if (talk === undefined || outcome?.result !== "stored") return undefined;
    // A repeat was pushed by the node that stored it; if that was not this one, nobody here knows whether it lived to.
    if (outcome.repeated && outcome.writtenHere) return undefined;
    try {
      const found = talk.toGroup ? this.locateGroup(talk, outcome.groupVersion) : this.locateTwo(talk);
      return found instanceof Promise ? found.catch((error: unknown) => this.lost(context, error)) : found;
    } catch (error) {
      return this.lost(context, error);
    }
  }

  private locateTwo({ app, dest, sender }: Talk): Found | Promise<Found> {
    return this.parts.sessions.locate(app, dest === sender ? [sender] : [dest, sender]);
  }

  private locateGroup({ app, dest, sender }: Talk, version: bigint): Found | Promise<Found> {
    const { audience, sessions } = this.parts;
    const locate = (accounts: Iterable<string>): Found | Promise<Found> => sessions.locate(app, [...accounts]);
    // Any look into the sessions first tells of all presence up to now: who has just signed in is not missed.
    const current = sessions.locate(app, [sender]);
    if (current instanceof Promise) return current.then(async () => locate(await audience.online(app, dest, version)));
    const online = audience.online(app, dest, version);
    return online instanceof Promise ? online.then(locate) : locate(online);
  }

  private send(context: Context, talk: Talk, outcome: Stored, located: Located): void {
    // For nobody, as when the receiver is away, no push is encoded.
    if (hasOthers(located, context.channelId))
      this.parts.dispatcher.push(context, pushView(talk, outcome), located, context.channelId);
    this.parts.latency.push.observeMs(performance.now() - context.receivedMs);
  }

  /** A message is stored and not pushed: an engine is away, or a bug was met. */
  private lost(context: Context, error: unknown): undefined {
    const { rareLog, metrics } = this.parts;
    if (refusalOf(error) === undefined) metrics.bug(error, "request", { command: context.command });
    else rareLog.warn("a push was lost; its message is in the index", { error: String(error) });
    return undefined;
  }
}

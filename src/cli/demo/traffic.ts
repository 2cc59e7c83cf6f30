// The traffic of a demonstration: messages at a rate, whatever the server's speed, and what people do with them. What
// the server refuses, or does not answer, is counted, and goes on. A seed gives each place, and each turn, randomness
// of its own: what is said does not depend on the order in which a server answers.
//
// Bounds: `pendingMax` messages are being typed or sent at a time; beyond that, messages are left out and counted.

import { type Random, seededRandom } from "../../base/random.ts";
import type { Cancel, Timers } from "../../base/timers.ts";
import type { Clock } from "../../base/clock.ts";
import { Disconnected, RequestRefused, RequestTimedOut } from "../../sdk/client-errors.ts";
import { oneOf } from "../../site/person-names.ts";
import { afterthoughts, reactions } from "./dialogues.ts";
import type { Actor } from "./actor.ts";
import type { Place, Said } from "./place.ts";
import type { Stage } from "./stage.ts";

const pendingMax = 2_000;
/** Between two looks at what is due. */
const tickMs = 10;
/** Messages of one look: after a pause of the process, what it has missed is left out. */
const perTickMax = 100;
/** Above this rate, in messages a second, nobody is shown typing. */
const typedRateMax = 20;
const typingMsMin = 500;
const typingMsMax = 2_500;
/** How long somebody is away. */
const awayMsMin = 5_000;
const awayMsMax = 60_000;
/** A stop waits so long for what is under way. */
const stopMsMax = 5_000;

/** After a message, one in so many. */
const chances = {
  answers: 6,
  mentions: 12,
  reads: 2,
  reacts: 5,
  edits: 25,
  recalls: 100,
  pins: 80,
  leaves: 40,
} as const;

/** What was done. */
export interface Counts {
  messages: number;
  reactions: number;
  edits: number;
  recalls: number;
  reads: number;
  failures: number;
  /** Messages that were due while too many were under way, or while this process had no time. */
  leftOut: number;
}

interface TrafficParts extends Stage {
  /** Messages a second. */
  readonly rate: number;
  readonly random: Random;
  readonly timers: Timers;
  readonly clock: Pick<Clock, "monotonicMs">;
}

export class Traffic {
  readonly counts: Counts = { messages: 0, reactions: 0, edits: 0, recalls: 0, reads: 0, failures: 0, leftOut: 0 };
  private readonly parts: TrafficParts;
  private readonly pending = new Set<Promise<void>>();
  /** Of those who are typing or away. */
  private readonly waits = new Set<() => void>();
  private cancelTick: Cancel | undefined;
  private dueMs: number;
  private isStopped = false;

  constructor(parts: TrafficParts) {
    this.parts = parts;
    this.dueMs = parts.clock.monotonicMs();
  }

  /** Everything that places have to say first, at once: `lines` of each, the same ones for the same seed. */
  async fill(lines: number): Promise<void> {
    const { places, random } = this.parts;
    const begun = places.map(async (place) => {
      const own = seededRandom(random.uint32());
      for (let line = 0; line < lines && !this.isStopped; line++) await this.say(place, false, own);
    });
    await Promise.all(begun);
  }

  /** Begins; `stop` ends it. */
  start(): void {
    const { timers, clock } = this.parts;
    this.dueMs = clock.monotonicMs();
    const tick = (): void => {
      this.cancelTick = timers.after(tickMs, tick);
      this.catchUp(clock.monotonicMs());
    };
    tick();
  }

  /** Begins nothing any more; resolves when all is answered, or after a while. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.cancelTick?.();
    for (const end of this.waits) end();
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.parts.timers.after(stopMsMax, resolve);
    await Promise.race([Promise.all(this.pending), promise]);
    cancel();
  }

  private catchUp(nowMs: number): void {
    const { places, random, rate } = this.parts;
    for (let begun = 0; this.dueMs <= nowMs; begun++) {
      if (begun === perTickMax) {
        this.counts.leftOut += Math.floor(((nowMs - this.dueMs) / 1_000) * rate);
        this.dueMs = nowMs;
      }
      // As independent people do: the times between two are exponentially distributed.
      this.dueMs += (-Math.log1p(-random.uint32() / 2 ** 32) / rate) * 1_000;
      if (this.pending.size >= pendingMax) this.counts.leftOut++;
      else {
        const [place, own] = [oneOf(places, random), seededRandom(random.uint32())];
        this.begin(() => this.turn(place, own));
      }
    }
  }

  private begin(work: () => Promise<void>): void {
    const doing = work().finally(() => this.pending.delete(doing));
    this.pending.add(doing);
  }

  private async turn(place: Place, random: Random): Promise<void> {
    const said = await this.say(place, this.parts.rate <= typedRateMax, random);
    if (said !== undefined && !this.isStopped) await this.follow(place, said, random);
  }

  private async say(place: Place, isTyped: boolean, random: Random): Promise<Said | undefined> {
    const line = place.next(random);
    if (line === undefined) return undefined;
    const { actor, text } = line;
    const partner = place.partnerOf(actor);
    if (isTyped) {
      actor.community?.typing(partner);
      await this.wait(between(typingMsMin, typingMsMax, random));
    }
    const { client } = actor;
    const { id: replyTo = 0n } = (happens("answers", random) ? place.recent.at(-2) : undefined) ?? {};
    if (client === undefined) return undefined;
    const mentioned = happens("mentions", random) ? place.mentioned(actor, random) : undefined;
    const body = mentioned === undefined ? text : `@${mentioned} ${text}`;
    const draft = { body, replyTo, mentions: mentioned === undefined ? [] : [mentioned] };
    const stored = await this.tried("messages", () =>
      "group" in partner ? client.talkToGroup(partner.group, draft) : client.talkToUser(partner.account, draft),
    );
    if (stored === undefined) return undefined;
    const said = { id: stored.id, actor, text: body };
    place.remember(said);
    return said;
  }

  /** What people do after a message. */
  private async follow(place: Place, said: Said, random: Random): Promise<void> {
    const { actor, id, text } = said;
    const others = place.present(actor);
    const reader = others.length === 0 ? undefined : oneOf(others, random);
    if (reader !== undefined && happens("reads", random))
      await this.tried("reads", async () => reader.client?.conversation(place.partnerOf(reader)).markRead());
    if (reader !== undefined && happens("reacts", random))
      await this.tried("reactions", async () => reader.client?.react(id, oneOf(reactions, random)));
    if (happens("edits", random))
      await this.tried("edits", async () => actor.client?.edit(id, { body: text + oneOf(afterthoughts, random) }));
    if (place.isGroup && happens("pins", random))
      await this.tried("edits", async () => place.actors[0]?.community?.pinMessage(place.partnerOf(actor), id));
    if (happens("recalls", random)) {
      place.forget(said);
      await this.tried("recalls", async () => actor.client?.recall(id));
    }
    if (happens("leaves", random)) await this.absence(actor, random);
  }

  /** Somebody goes away for a while, unless few are there. */
  private async absence(actor: Actor, random: Random): Promise<void> {
    const { actors } = this.parts;
    const present = actors.filter(({ client }) => client !== undefined);
    if (present.length <= actors.length / 2 || actor.client === undefined) return;
    await actor.leave();
    await this.wait(between(awayMsMin, awayMsMax, random));
    // Until the server is back, if it has gone meanwhile.
    while (!this.isStopped && actor.client === undefined) {
      await this.tried(undefined, () => actor.come());
      if (actor.client === undefined) await this.wait(awayMsMin);
    }
  }

  /** Counts what was done; undefined, and counted as such, if the server refuses it or is away. */
  private async tried<T>(count: keyof Counts | undefined, work: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await work();
      if (count !== undefined) this.counts[count]++;
      return result;
    } catch (error) {
      const isUsual = [Disconnected, RequestRefused, RequestTimedOut].some((kind) => error instanceof kind);
      if (!isUsual) throw error;
      this.counts.failures++;
      return undefined;
    }
  }

  /** Resolves after so long, or when it is stopped. */
  private wait(ms: number): Promise<void> {
    if (this.isStopped) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.parts.timers.after(ms, () => end());
    const end = (): void => {
      cancel();
      this.waits.delete(end);
      resolve();
    };
    this.waits.add(end);
    return promise;
  }
}

function between(least: number, most: number, random: Random): number {
  return least + (random.uint32() % (most - least + 1));
}

function happens(what: keyof typeof chances, random: Random): boolean {
  return random.uint32() % chances[what] === 0;
}

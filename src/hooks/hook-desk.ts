// What operators and back ends do with endpoints: set, remove, list, test and replay. The rules of settings are here,
// whoever asks.

import { nameRule, validName } from "../auth/names.ts";
import { endpointsMax, endpointsPerAppMax } from "../base/limits/fixed.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import {
  type DeadLetter,
  type Endpoint,
  endpointNameRule,
  type HookEvent,
  hookEvents,
  type HookQuestion,
  hookQuestions,
  type HookStore,
} from "../store/hooks.ts";
import { timeOfId } from "../store/snowflake.ts";
import { Refusal } from "../service/refusal.ts";
import { Status } from "../wire/gen/pkt_pb.ts";
import { AddressRefused, placeOf } from "./addresses.ts";
import { bodyOf, deliver, type Delivered, webhookIdOf } from "./delivery.ts";
import type { HttpSender } from "./http-sender.ts";
import { eventText } from "./lane-source.ts";
import { usualPace } from "./pace.ts";
import { keyOfSecret, newSecret, secretRule } from "./signature.ts";

/** Dead letters that are listed at once. */
const deadListedMax = 1_000;
const urlCharactersMax = 2_048;

/** An endpoint as somebody wants it. */
interface EndpointWish {
  readonly app: string;
  readonly name: string;
  readonly url: string;
  /** '' keeps the present one, or makes one; `new` makes one. */
  readonly secret: string;
  readonly events: readonly string[];
  readonly isFailOpen: boolean;
}

/** An endpoint as it is shown: without its secret. */
interface ShownEndpoint {
  readonly app: string;
  readonly name: string;
  readonly url: string;
  readonly events: readonly string[];
  readonly isFailOpen: boolean;
  /** Up to when it was told what happened, in milliseconds since 1970. */
  readonly toldMs: number;
  /** Events that were sent and not accepted yet. */
  readonly waiting: number;
  readonly attempts: number;
  /** Why they wait; '' if none do. */
  readonly reason: string;
  readonly dead: number;
  readonly lost: number;
}

interface Parts {
  readonly store: HookStore;
  readonly sender: HttpSender;
  readonly clock: Pick<Clock, "wallMs">;
  readonly random: Pick<Random, "bytes">;
  readonly log: Log;
  /** Called after a change, which takes effect at once in this process. */
  readonly changed: () => void;
}

export class HookDesk {
  private readonly parts: Parts;
  /** Apps whose endpoint is being tested: each holds a connection for as long as the receiver likes. */
  private readonly testing = new Set<string>();

  constructor(parts: Parts) {
    this.parts = parts;
  }

  /** Creates or changes an endpoint; returns its secret, which is shown this once. Throws Refusal. */
  async set(wish: EndpointWish): Promise<{
    readonly result: "created" | "changed";
    readonly secret: string;
    /** The secret was not the endpoint's before. */
    readonly isNew: boolean;
  }> {
    const { app, name, url, isFailOpen } = wish;
    requireNames(app, name);
    if (url.length > urlCharactersMax) throw invalid(`a URL has at most ${urlCharactersMax} characters`);
    try {
      placeOf(url);
    } catch (error) {
      if (error instanceof AddressRefused) throw invalid(`the URL cannot be an endpoint's: ${error.message}`);
      throw error;
    }
    const events = eventsOf(wish.events);
    const ofApp = (await this.parts.store.endpoints()).filter((endpoint) => endpoint.app === app);
    const known = ofApp.find((endpoint) => endpoint.name === name);
    if (known === undefined && ofApp.length >= endpointsPerAppMax)
      throw invalid(`the app has ${endpointsPerAppMax} endpoints already; remove one first`);
    const kept = wish.secret === "" ? known?.secret : wish.secret;
    const secret = kept === undefined || kept === "new" ? newSecret(this.parts.random) : kept;
    if (keyOfSecret(secret) === undefined) throw invalid(`the secret is malformed: expected ${secretRule}`);
    const { result } = await this.parts.store.set({ app, name, url, secret, events, isFailOpen });
    if (result === "full") throw invalid(`the store has ${endpointsMax} endpoints already; remove one first`);
    this.parts.log.info("a webhook was set", { app, endpoint: name, events: events.join(",") });
    this.parts.changed();
    return { result, secret, isNew: secret !== known?.secret };
  }

  /** Throws Refusal if there is no such endpoint. */
  async remove(app: string, name: string): Promise<void> {
    if (!(await this.parts.store.remove(app, name))) throw missing(app, name);
    this.parts.log.info("a webhook was removed", { app, endpoint: name });
    this.parts.changed();
  }

  /** Those of an app; undefined: all. */
  async list(app: string | undefined): Promise<readonly ShownEndpoint[]> {
    const { store } = this.parts;
    const endpoints = (await store.endpoints()).filter((endpoint) => app === undefined || endpoint.app === app);
    return Promise.all(
      endpoints.map(async (endpoint) => {
        const [waiting, dead] = await Promise.all([
          store.waiting(endpoint.id),
          store.dead(endpoint.app, endpoint.name, deadListedMax),
        ]);
        const worst = waiting.toSorted((one, other) => other.attempts - one.attempts)[0];
        return {
          app: endpoint.app,
          name: endpoint.name,
          url: endpoint.url,
          events: endpoint.events,
          isFailOpen: endpoint.isFailOpen,
          toldMs: timeOfId(endpoint.positions.log),
          waiting: waiting.reduce((sum, { refs }) => sum + refs.length, 0),
          attempts: worst?.attempts ?? 0,
          reason: worst?.reason ?? "",
          dead: dead.reduce((sum, { events }) => sum + events, 0),
          lost: endpoint.lost,
        };
      }),
    );
  }

  /**
   * Sends an event of the type `webhook.test` now, from this process. Throws Refusal for no such endpoint, and while
   * another test of the app is under way.
   */
  async test(app: string, name: string): Promise<Delivered> {
    const { sender, clock } = this.parts;
    const endpoint = await this.find(app, name);
    if (endpoint === undefined) throw missing(app, name);
    if (this.testing.has(app)) throw new Refusal(Status.RateLimited, "an endpoint of the app is being tested, wait");
    const atMs = clock.wallMs();
    const text = eventText(`test-${atMs}`, "webhook.test", atMs, JSON.stringify({ endpoint: name }));
    const webhookId = webhookIdOf(endpoint.id, "test", [`${atMs}`]);
    this.testing.add(app);
    try {
      return await deliver(sender, endpoint, webhookId, bodyOf(app, [text]), { atMs, waitMs: usualPace.answerMs });
    } finally {
      this.testing.delete(app);
    }
  }

  async dead(app: string, name: string): Promise<readonly DeadLetter[]> {
    if ((await this.find(app, name)) === undefined) throw missing(app, name);
    return this.parts.store.dead(app, name, deadListedMax);
  }

  /** Tells dead letters again, all or one; how many. */
  async replay(app: string, name: string, webhookId: string | undefined): Promise<number> {
    if ((await this.find(app, name)) === undefined) throw missing(app, name);
    const replayed = await this.parts.store.replay(app, name, webhookId);
    if (replayed > 0) this.parts.changed();
    return replayed;
  }

  private async find(app: string, name: string): Promise<Endpoint | undefined> {
    return (await this.parts.store.endpoints()).find((endpoint) => endpoint.app === app && endpoint.name === name);
  }
}

function requireNames(app: string, name: string): void {
  if (!validName(app)) throw invalid(`app is no name: ${nameRule}`);
  if (!endpointNameRule.test(name))
    throw invalid("an endpoint's name has 1 to 40 letters, digits, hyphens and underscores");
}

function eventsOf(names: readonly string[]): readonly (HookEvent | HookQuestion)[] {
  const all = [...hookEvents, ...hookQuestions];
  const unknown = names.find((name) => !all.some((event) => event === name));
  if (unknown !== undefined) throw invalid(`unknown event ${JSON.stringify(unknown)}: expected ${all.join(", ")}`);
  if (names.length === 0) throw invalid(`name the events to be told: ${all.join(", ")}`);
  return all.filter((event) => names.includes(event));
}

function invalid(sentence: string): Refusal {
  return new Refusal(Status.InvalidPacketBody, sentence);
}

function missing(app: string, name: string): Refusal {
  return new Refusal(
    Status.NotFound,
    `the app ${app} has no webhook ${JSON.stringify(name)}; roost webhook list shows them`,
  );
}

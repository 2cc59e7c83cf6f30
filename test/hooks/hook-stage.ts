// A store, a receiver, and the webhooks between them, at a pace for tests.

import { HookAddresses } from "../../src/hooks/addresses.ts";
import { HookCounts } from "../../src/hooks/hook-counts.ts";
import { HookNode, type HookNodeParts } from "../../src/hooks/hook-node.ts";
import { HttpSender } from "../../src/hooks/http-sender.ts";
import { type HookPace, usualPace } from "../../src/hooks/pace.ts";
import { LaneThreads } from "../../src/hooks/thread/lane-thread.ts";
import { limitValues } from "../../src/base/limits/table.ts";
import { MemorySessions } from "../../src/session/memory-sessions.ts";
import { silentLog } from "../../src/base/log.ts";
import { systemRuntime } from "../../src/base/runtime.ts";
import type { EndpointSettings } from "../../src/store/hooks.ts";
import type { Store, Talk } from "../../src/store/store.ts";
import { listOfRanges } from "../../src/transport/address-ranges.ts";
import { until } from "../../scripts/harness/until.ts";
import type { StorePlace } from "../store/opened-store.ts";
import { stored, talk } from "../store/samples.ts";
import { Receiver, testSecret } from "./receiver.ts";

export const loopback = listOfRanges([{ address: "127.0.0.0", prefix: 8, family: "ipv4" }]);

export const fastPace: HookPace = {
  ...usualPace,
  gatherMs: 10,
  answerMs: 2_000,
  retryMs: 5,
  retryMsMax: 40,
  lookMs: 20,
  leaseMs: 1_500,
  takeOverMs: 3_000,
};

export class HookStage {
  readonly store: Store;
  readonly receiver = new Receiver();
  readonly bugs: unknown[] = [];
  readonly sessions = new MemorySessions(limitValues());
  readonly threads = new LaneThreads({ allowed: loopback, proxy: undefined, version: "test" });
  private readonly ends: (() => Promise<void>)[] = [];

  private readonly place: StorePlace;

  private constructor(store: Store, place: StorePlace) {
    this.store = store;
    this.place = place;
  }

  static async open(place: StorePlace): Promise<HookStage> {
    return new HookStage(await place.open(), place);
  }

  /** Sets an endpoint and starts a node that tells it. */
  async start(change: Partial<EndpointSettings> = {}, parts: Partial<HookNodeParts> = {}): Promise<HookNode> {
    await this.set(change);
    const node = this.node(parts);
    await until(() => node.isDelivering, "the node delivers");
    return node;
  }

  async set(change: Partial<EndpointSettings> = {}): Promise<void> {
    const settings: EndpointSettings = {
      app: "app",
      name: "crm",
      url: this.receiver.url,
      secret: testSecret,
      events: ["message.stored", "message.edited", "message.recalled", "group.changed"],
      isFailOpen: false,
      ...change,
    };
    await this.store.backEnd.hooks.set(settings);
  }

  node(parts: Partial<HookNodeParts> = {}): HookNode {
    const { timers, clock, random } = systemRuntime;
    const addresses = new HookAddresses(loopback);
    const sender = new HttpSender({ addresses, proxy: undefined, timers, version: "test" });
    const node = new HookNode({
      store: this.store.backEnd.hooks,
      sender,
      clock,
      random,
      counts: new HookCounts(),
      log: silentLog,
      bug: (bug) => this.bugs.push(bug),
      conversations: this.store,
      isSaturated: () => this.store.isSaturated,
      startLanes: this.threads.start,
      sessions: this.sessions,
      timers,
      pace: fastPace,
      ...parts,
    });
    void node.start();
    this.ends.push(async () => {
      await node.stop();
      sender.close();
    });
    return node;
  }

  async say(change: Partial<Talk> = {}): Promise<bigint> {
    return stored((await this.store.append([talk({ app: "app", ...change })]))[0]).messageId;
  }

  /** Stores a message for each body, together. */
  async sayAll(bodies: readonly string[], destOf: (at: number) => string = () => "bob"): Promise<void> {
    await this.store.append(bodies.map((body, at) => talk({ app: "app", body, dest: destOf(at) })));
  }

  async close(): Promise<void> {
    await Promise.all(this.ends.map((end) => end()));
    await this.threads.close();
    await this.receiver.stop();
    await this.sessions.close();
    await this.store.close();
    await this.place.remove();
  }
}

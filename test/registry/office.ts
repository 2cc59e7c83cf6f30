// A registrar with all that it needs, over virtual time, for the tests of the four writes.

import { limitTable, type LimitValues } from "../../src/base/limits/table.ts";
import { silentLog } from "../../src/base/log.ts";
import { seededRandom } from "../../src/base/random.ts";
import type { Entry } from "../../src/registry/table/entry.ts";
import type { Identity, Instance } from "../../src/registry/instance.ts";
import {
  type Caller,
  type Outcome,
  type Register,
  Registrar,
  type SetChange,
} from "../../src/registry/node/registrar.ts";
import type { Origin } from "../../src/registry/replication/outboxes.ts";
import { Replication } from "../../src/registry/replication/replication.ts";
import {
  identityOf,
  localCaller,
  ManualNetwork,
  nanoseconds,
  nodeInfo,
  registration,
  replicated,
  TableOverTime,
} from "./support.ts";

/** The other node of its zone, and one elsewhere. */
export const neighbour = "10.0.0.2:7171";
export const farAway = "10.1.0.1:7171";
/** As far as timestamps may be ahead, in nanoseconds. */
export const farAhead = nanoseconds(limitTable.timestampAhead.initial);

/** A registrar with one other node in its zone, and one elsewhere. */
export class Office extends TableOverTime {
  readonly network = new ManualNetwork(this.time);
  readonly probed: Entry[] = [];
  readonly replication = new Replication({
    clock: this.clock,
    timers: this.time.timersOf(() => true),
    random: seededRandom(1),
    network: this.network,
    log: silentLog,
    table: this.table,
    versions: this.versions,
    self: { zone: "z1", address: "10.0.0.1:7171", incarnation: "self" },
    seeds: [],
    limits: this.limits,
    isStarting: () => false,
  });
  readonly registrar = new Registrar({
    table: this.table,
    rules: this.rules,
    versions: this.versions,
    replication: this.replication,
    nowMs: () => this.clock.monotonicMs(),
    onProbed: (entry) => void this.probed.push(entry),
  });

  constructor(limits: Partial<LimitValues> = {}) {
    super(limits);
    this.replication.peers.heard(neighbour, nodeInfo({ address: neighbour }), 0);
    this.replication.peers.heard(farAway, nodeInfo({ address: farAway, incarnation: "far", zone: "z2" }), 0);
  }

  /** Each write as a client on this machine makes it for `chat-1`, save for what a test changes. */
  register(change: Partial<Register> = {}, caller: Partial<Caller> = {}): Outcome {
    return this.registrar.register(registration(change), { ...localCaller, ...caller });
  }

  renew(change: Partial<Identity> = {}, dirty = 0n, origin: Origin = "client"): Outcome {
    return this.registrar.renew(identityOf(change), dirty, origin);
  }

  cancel(change: Partial<Identity> = {}, dirty = 0n, origin: Origin = "client"): Outcome {
    return this.registrar.cancel(identityOf(change), dirty, origin);
  }

  set(changes: readonly Partial<SetChange>[], setTimestamp = 0n, origin: Origin = "client"): Outcome {
    const { env, appid, zone } = identityOf();
    const all = changes.map((change) => ({
      hostname: "chat-1",
      status: undefined,
      metadata: undefined,
      ...change,
    }));
    return this.registrar.set({ env, appid, zone, changes: all, setTimestamp }, origin);
  }

  /** What the table holds of an identity, living or cancelled; throws when it holds nothing. */
  entry(change: Partial<Identity> = {}): Entry {
    const entry = this.table.get(identityOf(change));
    if (entry === undefined) throw new Error("there is no such entry");
    return entry;
  }

  /** The living instance of an identity; throws if there is none. */
  instance(change: Partial<Identity> = {}): Instance {
    const { instance } = this.entry(change);
    if (instance === undefined) throw new Error("it was cancelled");
    return instance;
  }

  /** The version of the service that watchers know. */
  get latest(): bigint {
    return this.table.app("prod", "chat")?.latest ?? 0n;
  }

  /** Addresses of the nodes that get a message within the next two seconds. */
  told(): string[] {
    this.network.sent.length = 0;
    this.time.advance(2_000);
    return this.network.sent.map(({ address }) => address).toSorted();
  }

  /** Forgets what was sent to whom, and lets every node answer that it knows. */
  settle(): void {
    this.time.advance(2_000);
    for (const { done } of this.network.sent.splice(0)) done(replicated());
  }
}

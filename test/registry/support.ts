// Builders for the tests of the registry's core: instances and states, a table over virtual time, a network whose
// answers the test gives.

import { testLimits } from "../support/limits.ts";
import { TableRules } from "../../src/registry/table/table-rules.ts";
import type { Limits } from "../../src/base/limits/limits.ts";
import type { LimitValues } from "../../src/base/limits/table.ts";
import type { Clock } from "../../src/base/clock.ts";
import type { EntryState } from "../../src/registry/table/entry.ts";
import { HybridClock } from "../../src/registry/table/hybrid-clock.ts";
import { type Identity, type Instance, noMetadata, Status } from "../../src/registry/instance.ts";
import type {
  Compare,
  Compared,
  NodeInfo,
  PeerFailure,
  PeerNetwork,
  Replicate,
  Replicated,
} from "../../src/registry/replication/peer-messages.ts";
import type { Caller, Register } from "../../src/registry/node/registrar.ts";
import { Table } from "../../src/registry/table/table.ts";
import { VirtualTime } from "../sim/virtual-time.ts";

/** What the wall clock of virtual time shows at its beginning; a multiple of 1024. */
export const beginNs = 1_800_000_000_000_000_000n;
/** A duration as timestamps count it. */
export const nanoseconds = (ms: number): bigint => BigInt(ms) * 1_000_000n;

/** The identity of an instance: `chat-1`, save for what a test changes. */
export function identityOf(change: Partial<Identity> = {}): Identity {
  return { env: "prod", appid: "chat", zone: "z1", hostname: "chat-1", ...change };
}

/** The state of a living instance, of a version. */
export function living(dirty: bigint, change: Partial<Instance> = {}, ageMs = 0): EntryState {
  const instance: Instance = {
    ...identityOf(),
    region: "r1",
    addrs: ["tcp://10.0.0.1:8100"],
    version: "1",
    metadata: noMetadata,
    status: Status.Up,
    regTimestamp: dirty,
    upTimestamp: dirty,
    dirtyTimestamp: dirty,
    latestTimestamp: dirty,
    ...change,
  };
  const { env, appid, zone, hostname } = instance;
  return { identity: { env, appid, zone, hostname }, dirty, instance, ageMs, isProbed: false, hasRenewed: true };
}

/** The state of an instance that was cancelled by that version. */
export function cancelled(dirty: bigint, change: Partial<Identity> = {}, ageMs = 0): EntryState {
  return { identity: identityOf(change), dirty, instance: undefined, ageMs, isProbed: false, hasRenewed: true };
}

/** A call of register. */
export function registration(change: Partial<Register> = {}): Register {
  return {
    ...identityOf(),
    region: "r1",
    addrs: ["tcp://10.0.0.1:8100"],
    version: "1",
    metadata: noMetadata,
    status: Status.Up,
    dirtyTimestamp: 0n,
    regTimestamp: 0n,
    ...change,
  };
}

/** A client on this machine. */
export const localCaller: Caller = { address: "", origin: "client", isTrusted: false };

/** A table over virtual time, which notes the keys of the services that changed. */
export class TableOverTime {
  readonly limits: Limits;
  readonly rules: TableRules;
  readonly time = new VirtualTime();
  readonly clock: Clock = this.time.clock(0);
  readonly versions: HybridClock;
  readonly changes: string[] = [];
  readonly table: Table;

  constructor(limits: Partial<LimitValues> = {}) {
    this.limits = testLimits(limits);
    this.versions = new HybridClock(this.clock, this.limits.values.timestampAhead);
    this.rules = new TableRules(this.limits, true);
    this.table = new Table({
      rules: this.rules,
      clock: this.clock,
      versions: this.versions,
      onChange: ({ key }) => void this.changes.push(key),
    });
  }

  /** Puts `count` living instances in: `name`0, `name`1, … */
  fill(count: number, name = "i"): void {
    for (let index = 0; index < count; index++) this.table.merge(living(beginNs, { hostname: `${name}${index}` }));
  }
}

/** A table as others see it: what each identity is, without the times of its renewals. */
export function contentOf(table: Table): unknown[] {
  return [...table.all()]
    .map(({ key, dirty, instance }) => ({ key, dirty, instance }))
    .toSorted((one, other) => (one.key < other.key ? -1 : 1));
}

/** What another node says of itself. */
export function nodeInfo(change: Partial<NodeInfo> = {}): NodeInfo {
  return { incarnation: "other", address: "10.0.0.2:7171", zone: "z1", clock: beginNs, isStarting: false, ...change };
}

/** No answer. */
export const unreachable: PeerFailure = { kind: "failed", reason: "unreachable", sentence: "no answer" };

/** The answer of a node that knows nothing better. */
export function replicated(change: Partial<Replicated> = {}): Replicated {
  return { kind: "replicated", node: nodeInfo(), wanted: [], newer: [], ...change };
}

/** The last answer of a node to a comparison. */
export function compared(change: Partial<Compared> = {}): Compared {
  return { kind: "compared", node: nodeInfo(), differing: [], states: [], nextBucket: undefined, ...change };
}

/** A message that waits for its answer. */
export interface Sent {
  readonly address: string;
  readonly message: Replicate;
  readonly done: (reply: Replicated | PeerFailure) => void;
}

/** Keeps what is sent until the test answers it; comparisons are answered as `compares` says, 10 ms later. */
export class ManualNetwork implements PeerNetwork {
  readonly sent: Sent[] = [];
  compares: (address: string) => Compared | PeerFailure = () => unreachable;
  /** How far the clocks of original nodes are behind. */
  lag = 0n;
  private readonly time: VirtualTime;

  constructor(time: VirtualTime) {
    this.time = time;
  }

  lagNs(): bigint {
    return this.lag;
  }

  replicate(address: string, message: Replicate, done: Sent["done"]): void {
    this.sent.push({ address, message, done });
  }

  compare(address: string, _message: Compare, done: (reply: Compared | PeerFailure) => void): void {
    this.time.after(10, () => done(this.compares(address)));
  }

  /** The only message that waits; it waits no longer. */
  take(): Sent {
    const [sent, ...others] = this.sent.splice(0);
    if (sent === undefined) throw new Error("no message waits");
    if (others.length > 0) throw new Error(`${others.length} more messages wait`);
    return sent;
  }
}

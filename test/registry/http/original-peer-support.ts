// What the tests of original nodes share: a stand-in for such a node, and messages to it.

import type { Clock } from "../../../src/base/clock.ts";
import type { EntryState } from "../../../src/registry/table/entry.ts";
import { nodeSender } from "../../../src/registry/client/node-request.ts";
import { OriginalPeers } from "../../../src/registry/http/original-peer.ts";
import type { Identity, Instance } from "../../../src/registry/instance.ts";
import { Status } from "../../../src/registry/instance.ts";
import type { Compare, NodeInfo, Renewal, Replicate } from "../../../src/registry/replication/peer-messages.ts";
import { TokenChoice } from "../../../src/registry/client/token-choice.ts";
import { FakeOriginalNode, type OriginalInstance } from "./fake-original-node.ts";

export const ends: (() => Promise<void>)[] = [];

export function originalNode(): FakeOriginalNode {
  const node = new FakeOriginalNode();
  ends.push(() => node.stop());
  return node;
}

export class SettableClock implements Clock {
  nowMs = 1_790_000_000_000;
  wallMs = (): number => this.nowMs;
  wallNs = (): bigint => BigInt(this.nowMs) * 1_000_000n;
  monotonicMs = (): number => this.nowMs;
}

export function setUp(requestMsMax = 5_000): { peers: OriginalPeers; node: FakeOriginalNode; clock: SettableClock } {
  const clock = new SettableClock();
  const node = originalNode();
  node.nowMs = clock.wallMs;
  const tokens = new TokenChoice(() => ["the token"]);
  return {
    peers: new OriginalPeers({ clock, tokens, requestMsMax, lagMsMax: 900_000, send: nodeSender() }),
    node,
    clock,
  };
}

/** A version that no double holds, and that is no multiple of 1024. */
export const version = 1_789_999_990_000_000_001n;

export function original(hostname: string, change: Partial<OriginalInstance> = {}): OriginalInstance {
  return {
    region: "r",
    zone: "z1",
    env: "prod",
    appid: "chat",
    hostname,
    addrs: [`tcp://${hostname}:1`],
    version: "7",
    metadata: { id: hostname },
    status: 1,
    reg_timestamp: version + 1n,
    up_timestamp: version + 2n,
    renew_timestamp: version + 3n,
    dirty_timestamp: version,
    latest_timestamp: version + 4n,
    ...change,
  };
}

export const identity = (hostname: string): Identity => ({ env: "prod", appid: "chat", zone: "z1", hostname });

export function living(hostname: string, change: Partial<Instance> = {}): EntryState {
  const timestamps = { regTimestamp: version + 1n, upTimestamp: version, latestTimestamp: version + 2n };
  const instance: Instance = {
    ...identity(hostname),
    region: "r",
    addrs: [`tcp://${hostname}:1`],
    version: "7",
    metadata: new Map([["id", hostname]]),
    status: Status.Up,
    dirtyTimestamp: version,
    ...timestamps,
    ...change,
  };
  return {
    identity: identity(hostname),
    dirty: instance.dirtyTimestamp,
    instance,
    ageMs: 0,
    isProbed: false,
    hasRenewed: true,
  };
}

export const renewal = (hostname: string, dirty = version): Renewal => ({
  identity: identity(hostname),
  dirty,
  ageMs: 0,
});
const self: NodeInfo = { incarnation: "i", address: "127.0.0.1:1", zone: "z1", clock: version, isStarting: false };
export const nobody: NodeInfo = { incarnation: "", address: "", zone: "", clock: 0n, isStarting: false };
export const compare = (digest = "d"): Compare => ({ kind: "compare", node: self, digest, fromBucket: 0 });

export function replicate(
  states: readonly EntryState[],
  renewals: readonly Renewal[] = [],
  isSpread = false,
): Replicate {
  return { kind: "replicate", node: self, isSpread, states, renewals };
}

export const nothing = { kind: "compared", node: nobody, differing: [], states: [], nextBucket: undefined } as const;

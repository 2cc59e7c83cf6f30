// What a node answers to another one: news, renewals and comparisons; how whole clusters fare is simulated in test/sim.

import { beforeEach, describe, expect, test } from "bun:test";
import { leaseMs } from "../../src/base/limits/fixed.ts";
import { silentLog } from "../../src/base/log.ts";
import { seededRandom } from "../../src/base/random.ts";
import type { Compared, PeerFailure, Replicate } from "../../src/registry/replication/peer-messages.ts";
import { nodeAddress, Replication } from "../../src/registry/replication/replication.ts";
import {
  beginNs,
  cancelled,
  compared,
  contentOf,
  identityOf,
  living,
  ManualNetwork,
  nodeInfo,
  TableOverTime,
} from "./support.ts";

const neighbour = "10.0.0.2:7171";
const one = beginNs + 1024n;
const two = beginNs + 2048n;

class Node extends TableOverTime {
  readonly network = new ManualNetwork(this.time);
  readonly replication = new Replication({
    clock: this.clock,
    timers: this.time.timersOf(() => true),
    random: seededRandom(1),
    network: this.network,
    log: silentLog,
    table: this.table,
    versions: this.versions,
    self: { zone: "z1", address: "10.0.0.1:7171", incarnation: "self" },
    seeds: [neighbour],
    limits: this.limits,
    isStarting: () => false,
  });
}

let node: Node;
beforeEach(() => {
  node = new Node();
});

function message(change: Partial<Replicate>): Replicate {
  return { kind: "replicate", node: nodeInfo(), isSpread: false, states: [], renewals: [], ...change };
}

describe("news of another node", () => {
  test("is taken in; what is known newer is answered with", () => {
    node.table.merge(living(two, { hostname: "b" }));
    const states = [living(one, { hostname: "a" }), living(one, { hostname: "b" }), cancelled(one, { hostname: "c" })];
    const reply = node.replication.onReplicate(message({ states }));
    expect(reply.newer.map(({ identity, dirty }) => [identity.hostname, dirty])).toEqual([["b", two]]);
    expect([node.table.live, node.table.tombstones]).toEqual([2, 1]);
  });

  test("of renewals asks for what is not known in that version, and extends the leases of what is known", () => {
    node.time.advance(50_000);
    node.table.merge(living(one, { hostname: "same" }, 50_000));
    node.table.merge(living(one, { hostname: "behind" }, 50_000));
    node.table.merge(living(two, { hostname: "ahead" }, 50_000));
    const renewals = [
      { identity: identityOf({ hostname: "same" }), dirty: one, ageMs: 1_000 },
      { identity: identityOf({ hostname: "unknown" }), dirty: one, ageMs: 1_000 },
      { identity: identityOf({ hostname: "behind" }), dirty: two, ageMs: 1_000 },
      { identity: identityOf({ hostname: "ahead" }), dirty: one, ageMs: 1_000 },
    ];
    const reply = node.replication.onReplicate(message({ renewals }));
    expect(reply.wanted).toEqual([1, 2]);
    expect(reply.newer.map(({ identity }) => identity.hostname)).toEqual(["ahead"]);
    expect([...node.table.all()].map(({ touchedAtMs }) => touchedAtMs)).toEqual([49_000, 49_000, 49_000]);
  });

  test("that came from another zone is passed on in this one, and only there", () => {
    node.replication.peers.heard("10.2.0.1:7171", nodeInfo({ incarnation: "far", zone: "z3" }), 0);
    const states = [living(one)];
    node.replication.onReplicate(message({ states, node: nodeInfo({ zone: "z2" }), isSpread: true }));
    node.time.advance(0);
    const { address, message: passed } = node.network.take();
    expect(address).toBe(neighbour);
    expect(passed.isSpread).toBe(false);
    expect(passed.states.map(({ dirty }) => dirty)).toEqual([one]);
    // The second time it is no news.
    node.replication.onReplicate(message({ states, node: nodeInfo({ zone: "z2" }), isSpread: true }));
    node.time.advance(5_000);
    expect(node.network.sent).toEqual([]);
  });

  test("moves the clock up to theirs, unless that is absurd", () => {
    const ahead = beginNs + 60_000_000_000n;
    node.replication.onReplicate(message({ node: nodeInfo({ clock: ahead }) }));
    expect(node.versions.next()).toBeGreaterThan(ahead);
    node.replication.onReplicate(message({ node: nodeInfo({ clock: 2n * beginNs }) }));
    expect(node.versions.next()).toBeLessThan(ahead + 10_240n);
  });
});

describe("a comparison", () => {
  const ask = (digest: string, fromBucket = 0): Compared =>
    node.replication.onCompare({ kind: "compare", node: nodeInfo(), digest, fromBucket });

  test("of equal tables says nothing", () => {
    node.fill(1_000);
    expect(ask(node.table.digest.text())).toMatchObject({ differing: [], states: [], nextBucket: undefined });
  });

  test("names the buckets that differ, with all that is in them", () => {
    node.fill(1_000);
    const before = node.table.digest.text();
    node.table.merge(living(two, { hostname: "i500" }));
    const bucket = node.table.get(identityOf({ hostname: "i500" }))?.bucket ?? -1;
    const { differing, states } = ask(before);
    expect(differing).toEqual([bucket]);
    const expected = [...node.table.all()].filter((entry) => entry.bucket === bucket).map(({ identity }) => identity);
    expect(states.map(({ identity }) => identity)).toEqual(expected);
  });

  test("with an empty table yields everything, in answers of a few hundred states each", () => {
    node.fill(5_000);
    const other = new Node();
    let from: number | undefined = 0;
    for (let answers = 0; from !== undefined; answers++) {
      const { states, nextBucket }: Compared = ask("", from);
      expect(states.length).toBeLessThanOrEqual(400);
      expect(answers).toBeLessThan(50);
      for (const state of states) other.table.merge(state, true);
      from = nextBucket;
    }
    expect(contentOf(other.table)).toEqual(contentOf(node.table));
  });

  test("does not tell what is about to be forgotten, save to a node that is restoring", () => {
    node.fill(10);
    node.time.advance(leaseMs);
    expect(ask("0".repeat(node.table.digest.text().length)).states).toEqual([]);
    expect(ask("").states).toHaveLength(10);
  });

  test("takes in what the other one has newer, and tells it what it lacks", () => {
    node.fill(3);
    const buckets = [...node.table.all()].map(({ bucket }) => bucket);
    const states = [living(two, { hostname: "i0" }), living(beginNs, { hostname: "i1" })];
    node.network.compares = () => compared({ differing: buckets, states });
    const replies: (Compared | PeerFailure)[] = [];
    node.replication.compareWith(
      neighbour,
      false,
      () => undefined,
      (reply) => void replies.push(reply),
    );
    node.time.advance(20);
    expect(replies).toHaveLength(1);
    expect(node.table.get(identityOf({ hostname: "i0" }))?.dirty).toBe(two);
    expect(node.replication.repaired).toBe(1);
    expect(node.network.take().message.states.map(({ identity }) => identity.hostname)).toEqual(["i2"]);
  });

  test("with a node elsewhere brings news for this zone, which is passed on here", () => {
    const farAway = "10.2.0.1:7171";
    const far = nodeInfo({ address: farAway, incarnation: "far", zone: "z2" });
    node.replication.peers.heard(farAway, far, 0);
    node.network.compares = () => compared({ node: far, differing: [], states: [living(one)] });
    const ignore = (): void => undefined;
    node.replication.compareWith(farAway, false, ignore, ignore);
    node.time.advance(20);
    const { address, message: passed } = node.network.take();
    expect(address).toBe(neighbour);
    expect(passed.states.map(({ dirty }) => dirty)).toEqual([one]);
  });

  test("with one that never comes to an end is cut off", () => {
    let asked = 0;
    node.network.compares = () => {
      asked++;
      return compared({ nextBucket: 3 });
    };
    let ends = 0;
    node.replication.compareWith(
      neighbour,
      false,
      () => undefined,
      () => void ends++,
    );
    node.time.advance(1_000);
    expect([asked, ends]).toEqual([2, 1]);
  });
});

test("a registry node's address is taken from its URL, or not at all", () => {
  for (const [addrs, address] of [
    [["http://10.0.0.1:7171"], "10.0.0.1:7171"],
    [["grpc://10.0.0.1:9000", "http://10.0.0.1:7171/path"], "10.0.0.1:7171"],
    [["http://[::1]:7171"], "[::1]:7171"],
    [["http://registry.example:7171"], "registry.example:7171"],
    [["http://10.0.0.1"], undefined],
    [["http://user@10.0.0.1:7171"], undefined],
    [["http://10.0.0.1:7171?x"], undefined],
    [["https://10.0.0.1:7171"], "10.0.0.1:7171"],
    [["ftp://10.0.0.1:7171"], undefined],
    [["http://a b:7171"], undefined],
    [[], undefined],
  ] as const)
    expect(nodeAddress(addrs)).toBe(address);
});

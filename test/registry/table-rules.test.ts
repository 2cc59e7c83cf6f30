// Each rule of the table holds at every door: a client's register, another node's replication, its answer to a
// comparison, and a snapshot.

import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../src/base/random.ts";
import { silentLog } from "../../src/base/log.ts";
import type { LimitValues } from "../../src/base/limits/table.ts";
import type { EntryState } from "../../src/registry/table/entry.ts";
import { fieldsOf } from "../../src/base/json-fields.ts";
import { RegistryNode } from "../../src/registry/node/registry-node.ts";
import { parseState, stateJson } from "../../src/registry/table/state-json.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { testLimits } from "../support/limits.ts";
import { beginNs, cancelled, compared, living, ManualNetwork, nodeInfo, replicated } from "./support.ts";

const other = "10.0.0.2:7171";

class Door {
  readonly time = new VirtualTime();
  readonly network = new ManualNetwork(this.time);
  readonly node: RegistryNode;
  readonly probed: string[] = [];

  constructor(hasKey: boolean, limits: Partial<LimitValues> = {}) {
    this.node = new RegistryNode({
      settings: {
        env: "prod",
        zone: "z1",
        region: "r1",
        address: "10.0.0.1:7171",
        seeds: [other],
        version: "1",
        hasKey,
      },
      clock: this.time.clock(0),
      timers: this.time.timersOf(() => true),
      random: seededRandom(1),
      network: this.network,
      limits: testLimits(limits),
      log: silentLog,
    });
    this.node.onProbed = ({ identity }) => void this.probed.push(identity.hostname);
  }

  start(): this {
    this.node.start();
    this.time.advance(4_000);
    return this;
  }
}

/** The ways by which a state comes in; each gives the node afterwards. */
const doors: Readonly<Record<string, (door: Door, states: readonly EntryState[]) => void>> = {
  "a client's register": ({ node }, states) => {
    for (const { instance } of states) {
      if (instance === undefined) continue;
      const request = { ...instance, dirtyTimestamp: 0n, regTimestamp: 0n };
      node.registrar.register(request, { address: "", origin: "client", isTrusted: node.settings.hasKey });
    }
  },
  "a node's replication": ({ node }, states) => {
    node.start();
    node.replication.onReplicate({ kind: "replicate", node: nodeInfo(), isSpread: false, states, renewals: [] });
  },
  "the answer to a node's news": ({ node, network, time }, states) => {
    node.start();
    time.advance(4_000);
    for (const { done } of network.sent.splice(0)) done(replicated({ newer: states }));
  },
  "the answer to a comparison": ({ node, network, time }, states) => {
    network.compares = () => compared({ states, differing: [1] });
    node.start();
    time.advance(4_000);
  },
  "a snapshot": ({ node }, states) => {
    // As it stands in the file.
    for (const state of states) node.table.restore(parseState(JSON.parse(JSON.stringify(stateJson(state)))));
  },
};

const shop = (hostname: string, change: Parameters<typeof living>[1] = {}): EntryState =>
  living(beginNs, { appid: "shop", hostname, ...change });

const held = ({ node }: Door, appid = "shop"): string[] =>
  [...node.table.all()]
    .filter(({ identity, instance }) => identity.appid === appid && instance !== undefined)
    .map(({ identity: { hostname } }) => hostname)
    .toSorted();

describe.each(Object.keys(doors))("%s", (name) => {
  const enter = (door: Door, ...states: EntryState[]): Door => {
    doors[name]?.(door, states);
    return door;
  };
  const healthy = { metadata: new Map([["health_url", "http://10.0.0.1:9100/health"]]) };

  test("brings nothing that is to be probed into a registry without a key", () => {
    const door = enter(new Door(false), { ...shop("a", healthy), isProbed: true });
    expect(held(door)).toEqual(["a"]);
    expect([...door.node.table.all()].some(({ isProbed }) => isProbed)).toBe(false);
    expect(door.probed).toEqual([]);
  });

  test("brings what is to be probed into one with a key", () => {
    const door = enter(new Door(true), { ...shop("a", healthy), isProbed: true });
    expect([...door.node.table.all()].filter(({ isProbed }) => isProbed)).toHaveLength(1);
  });

  test("keeps the bound on instances, and the reserve for the cluster's own services", () => {
    // The node itself is one of them, listed before or after.
    const door = new Door(false, { instances: 3, instancesReserved: 2 });
    enter(door, shop("a"), shop("b"), shop("c"), shop("d"), living(beginNs, { appid: "login", hostname: "l" }));
    expect(held(door).length).toBeGreaterThanOrEqual(2);
    expect(held(door).length).toBeLessThanOrEqual(3);
    expect(held(door, "login")).toEqual(["l"]);
    door.start();
    expect(door.node.table.live).toBeLessThanOrEqual(5);
    expect(held(door, "infra.discovery")).toEqual(["10.0.0.1:7171"]);
  });

  test("leaves out entries with longer names, more addresses or more metadata than allowed, and takes the rest", () => {
    const small = {
      registryNameBytes: 64,
      instanceAddresses: 2,
      instanceAddressBytes: 64,
      instanceMetadataBytes: 1024,
    };
    const door = enter(
      new Door(false, small),
      shop("x".repeat(65)),
      shop("b", { addrs: ["tcp://a:1", "tcp://b:1", "tcp://c:1"] }),
      shop("c", { addrs: ["x".repeat(65)] }),
      shop("d", { metadata: new Map([["k", "v".repeat(1024)]]) }),
      shop("e", { version: "1".repeat(65) }),
      shop("f"),
    );
    expect(held(door)).toEqual(["f"]);
  });
});

test("what another node says is cancelled needs no place", () => {
  const { node } = new Door(false, { instances: 1 });
  expect(node.table.merge(shop("a"))).toBe("newer");
  expect(node.table.merge(cancelled(beginNs, { appid: "shop", hostname: "b" }))).toBe("newer");
});

test("a state of a former release, which does not say whether it renewed, counts as renewed", () => {
  const { renewed, ...former } = fieldsOf(stateJson({ ...shop("a"), hasRenewed: false }), "a state");
  expect(renewed).toBe(false);
  expect(parseState(JSON.parse(JSON.stringify(former))).hasRenewed).toBe(true);
});

test("an age beyond all that is kept is as good as any such age", () => {
  const json = { ...stateJson(shop("a")), age: Number.MAX_SAFE_INTEGER };
  expect(parseState(JSON.parse(JSON.stringify(json))).ageMs).toBeLessThan(24 * 60 * 60_000);
});

// What a logic node says of gateways that have leases and no link to it, in a time that the tests let pass.

import { expect, test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import { UnlinkedGateways } from "../../src/node/unlinked-gateways.ts";
import { limitTable } from "../../src/base/limits/table.ts";
import { SessionsUnavailable } from "../../src/session/sessions.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { turn } from "../transport/recording.ts";

class Node {
  readonly time = new VirtualTime();
  readonly warnings: string[] = [];
  /** Gateways with a lease, and those that are linked. */
  leased: string[] = [];
  readonly linked = new Set<string>();
  isStoreAway = false;
  canBeFound = true;
  readonly watch = new UnlinkedGateways({
    gateways: () =>
      this.isStoreAway
        ? Promise.reject(new SessionsUnavailable("away"))
        : Promise.resolve(this.leased.map((gateway) => ({ gateway, incarnation: "i" }))),
    isLinked: (gateway) => this.linked.has(gateway),
    canBeFound: () => this.canBeFound,
    timers: this.time.timersOf(() => true),
    log: { ...silentLog, warn: (_, fields) => void this.warnings.push(String(fields?.["gateway"])) },
  });

  constructor() {
    this.watch.start();
  }

  async pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      this.time.advance(1_000);
      await turn();
    }
  }
}

test("a gateway that has had a lease and no link for 15 s is named, and logged once", async () => {
  const node = new Node();
  node.leased = ["gate-1", "gate-2", "gate-3"];
  node.linked.add("gate-1");
  await node.pass(14);
  expect(node.watch.ids).toEqual([]);
  await node.pass(200);
  expect(node.watch.ids).toEqual(["gate-2", "gate-3"]);
  expect(node.warnings).toEqual(["gate-2", "gate-3"]);
});

test("it is well at once when the gateway links itself, and a warning again later", async () => {
  const node = new Node();
  node.leased = ["gate-1"];
  await node.pass(30);
  node.linked.add("gate-1");
  expect(node.watch.ids).toEqual([]);
  await node.pass(10);
  node.linked.delete("gate-1");
  await node.pass(14);
  expect(node.watch.ids).toEqual([]);
  await node.pass(10);
  expect(node.warnings).toEqual(["gate-1", "gate-1"]);
});

test("it ends when the gateway's lease has ended", async () => {
  const node = new Node();
  node.leased = ["gate-1"];
  await node.pass(30);
  node.leased = [];
  await node.pass(5);
  expect(node.watch.ids).toEqual([]);
});

test("gateways that are killed or restarted one after the other are no alarm", async () => {
  const node = new Node();
  for (let round = 0; round < 10; round++) {
    node.leased = [`gate-${round}`, `gate-${round + 1}`];
    node.linked.clear();
    node.linked.add(`gate-${round + 1}`);
    await node.pass(limitTable.gatewayLeaseMs.initial / 1_000);
  }
  expect(node.warnings).toEqual([]);
});

test("time in which the session store or the registry is away does not count", async () => {
  const node = new Node();
  node.leased = ["gate-1"];
  for (let round = 0; round < 5; round++) {
    await node.pass(14);
    node.isStoreAway = true;
    await node.pass(5);
    node.isStoreAway = false;
    await node.pass(14);
    node.canBeFound = false;
    await node.pass(5);
    node.canBeFound = true;
  }
  expect(node.warnings).toEqual([]);
  await node.pass(30);
  expect(node.warnings).toEqual(["gate-1"]);
  node.isStoreAway = true;
  await node.pass(5);
  expect(node.watch.ids).toEqual([]);
});

test("nobody is asked any more once it is stopped", async () => {
  const node = new Node();
  node.leased = ["gate-1"];
  node.watch.stop();
  await node.pass(200);
  expect([node.watch.ids, node.warnings]).toEqual([[], []]);
});

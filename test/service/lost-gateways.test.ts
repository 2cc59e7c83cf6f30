// Which gateways a logic node says are gone: those that the registry still lists, and that it has lost its link to.

import { expect, test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import { LostGateways } from "../../src/service/lost-gateways.ts";
import { turn } from "../transport/recording.ts";
import { HandNaming, instanceOf } from "../link/hand-naming.ts";
import { newIdentity } from "../link/support.ts";

class Node {
  nowMs = 0;
  readonly linked = new Set<string>();
  readonly naming = new HandNaming();
  readonly warnings: string[] = [];
  readonly lost = new LostGateways({
    isLinked: (gateway) => this.linked.has(gateway),
    naming: this.naming,
    log: { ...silentLog, warn: (_, fields) => void this.warnings.push(String(fields?.["gateway"])) },
    clock: { monotonicMs: () => this.nowMs },
  });

  constructor(...gateways: string[]) {
    for (const gateway of gateways) this.linked.add(gateway);
    this.list({}, ...gateways);
  }

  /** Their links end. */
  end(...gateways: string[]): void {
    for (const gateway of gateways) {
      this.linked.delete(gateway);
      this.lost.ended(gateway);
    }
  }

  list(metadata: Readonly<Record<string, string>>, ...ids: string[]): void {
    this.naming.list("wgateway", ...ids.map((id) => instanceOf(newIdentity(id, "wgateway"), `${id}:1`, metadata)));
  }

  async look(): Promise<readonly string[]> {
    this.lost.look();
    await turn();
    return this.lost.ids;
  }
}

test("one that was linked and is listed is gone, until it is linked again", async () => {
  const node = new Node("g1", "g2");
  expect(await node.look()).toEqual([]);
  node.end("g1");
  expect(await node.look()).toEqual(["g1"]);
  expect(await node.look()).toEqual(["g1"]);
  node.linked.add("g1");
  expect(await node.look()).toEqual([]);
  expect(node.warnings).toEqual(["g1"]);
});

test("one that has left, or is leaving, is not", async () => {
  const node = new Node("g1", "g2");
  await node.look();
  node.end("g1", "g2");
  node.list({ state: "leaving" }, "g1");
  expect(await node.look()).toEqual([]);
  node.list({}, "g1", "g2");
  expect(await node.look()).toEqual([]);
});

test("one that was never linked is not: it may be starting", async () => {
  const node = new Node("g1");
  node.list({}, "g1", "g2");
  expect(await node.look()).toEqual([]);
});

test("a registry that is away is asked again, and nobody is gone until it answers", async () => {
  const node = new Node("g1");
  await node.look();
  node.end("g1");
  node.naming.isAway = true;
  expect(await node.look()).toEqual([]);
  node.naming.isAway = false;
  expect(await node.look()).toEqual(["g1"]);
  const { finds } = node.naming;
  await node.look();
  expect(node.naming.finds).toBe(finds);
});

test("one that stays listed for longer than a lease is alive after all", async () => {
  const node = new Node("g1");
  await node.look();
  node.end("g1");
  await node.look();
  node.nowMs = 100_000;
  expect(await node.look()).toEqual(["g1"]);
  node.nowMs = 100_001;
  expect(await node.look()).toEqual([]);
});

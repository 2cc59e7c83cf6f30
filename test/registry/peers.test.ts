// The other nodes of the registry, as one node knows them.

import { testLimits } from "../support/limits.ts";
import { limitTable } from "../../src/base/limits/table.ts";
import { beforeEach, expect, test } from "bun:test";
import { tombstoneMs } from "../../src/base/limits/fixed.ts";
import { Peers } from "../../src/registry/replication/peers.ts";
import { nodeInfo } from "./support.ts";

const [self, named, found] = ["10.0.0.1:7171", "10.0.0.2:7171", "10.0.0.3:7171"] as const;
let peers: Peers;

beforeEach(() => {
  peers = new Peers({ zone: "z1", incarnation: "self", address: self }, [named, self], testLimits());
});

const addresses = (): string[] => peers.all().map(({ address }) => address);

test("knows those whom the operator named, but for itself", () => {
  expect(addresses()).toEqual([named]);
  peers.listed(self, "z1", 0);
  expect(addresses()).toEqual([named]);
});

test("one that turns out to be itself under another name is dropped, and stays so", () => {
  peers.heard(named, nodeInfo({ incarnation: "self" }), 0);
  peers.listed(named, "z1", 0);
  peers.heard(named, nodeInfo({ incarnation: "self" }), 0);
  expect(addresses()).toEqual([]);
});

test("nodes of the original implementation, which have no incarnation, are never taken for itself", () => {
  peers = new Peers({ zone: "z1", incarnation: "", address: self }, [named], testLimits());
  peers.heard(named, nodeInfo({ incarnation: "", zone: "" }), 0);
  expect(peers.get(named)).toMatchObject({ isUp: true, zone: "" });
});

test("one that has not said where it is counts as one of the own zone, until it says so", () => {
  expect(peers.ownZone().map(({ address }) => address)).toEqual([named]);
  peers.heard(named, nodeInfo({ zone: "z2" }), 0);
  expect(peers.ownZone()).toEqual([]);
  expect([...peers.otherZones()].map(([zone, [peer]]) => [zone, peer?.address])).toEqual([["z2", named]]);
});

test("is up while it answers, and down from the first time that it does not", () => {
  expect(peers.get(named)?.isUp).toBe(false);
  peers.heard(named, nodeInfo(), 0);
  expect(peers.get(named)?.isUp).toBe(true);
  peers.lost(named, 0);
  expect(peers.get(named)?.isUp).toBe(false);
});

test("one that left is forgotten, unless the operator named it", () => {
  peers.listed(found, "z1", 0);
  expect(addresses()).toEqual([named, found]);
  peers.left(found);
  peers.left(named);
  expect(addresses()).toEqual([named]);
});

test("one that nobody heard of for two hours is forgotten, unless the operator named it", () => {
  peers.listed(found, "z1", 0);
  peers.heard(found, nodeInfo(), 1_000);
  peers.forget(1_000 + tombstoneMs);
  expect(addresses()).toEqual([named, found]);
  peers.forget(1_001 + tombstoneMs);
  expect(addresses()).toEqual([named]);
});

test("knows no more than there may be", () => {
  for (let index = 0; index < limitTable.registryNodes.initial + 10; index++)
    peers.listed(`10.1.0.1:${index + 1}`, "z1", 0);
  expect(peers.all()).toHaveLength(limitTable.registryNodes.initial);
});

test("a node found in the registry gets nothing until it answers, and is asked ever more rarely", () => {
  peers.listed(found, "z1", 0);
  peers.listed("10.0.0.4:7171", "z2", 0);
  expect(peers.ownZone().map(({ address, isNode }) => [address, isNode])).toEqual([
    [named, true],
    [found, false],
  ]);
  expect([...peers.otherZones().keys()]).toEqual([]);
  const askedAtMs: number[] = [];
  for (let nowMs = 0; nowMs <= 2_000_000; nowMs += 1_000) {
    if (!peers.isWorthAsking(found, nowMs)) continue;
    askedAtMs.push(nowMs);
    peers.lost(found, nowMs);
  }
  expect(askedAtMs.slice(0, 5)).toEqual([0, 5_000, 15_000, 35_000, 75_000]);
  expect(askedAtMs.length).toBeLessThan(15);
  peers.heard(found, nodeInfo({ zone: "z1" }), 0);
  expect(peers.get(found)).toMatchObject({ isUp: true, isNode: true });
  // From now on it is a node, whether it is away or not.
  peers.lost(found, 0);
  expect(peers.isWorthAsking(found, 0)).toBe(true);
});

test("what was asked in vain makes room for what may be a node; what the operator named does not", () => {
  peers = new Peers({ zone: "z1", incarnation: "self", address: self }, [named], testLimits({ registryNodes: 2 }));
  peers.listed("10.9.9.9:1", "z1", 0);
  peers.listed(found, "z1", 0);
  expect(addresses()).toEqual([named, "10.9.9.9:1"]);
  peers.lost("10.9.9.9:1", 0);
  peers.lost(named, 0);
  peers.listed(found, "z1", 0);
  expect(addresses()).toEqual([named, found]);
});

// Places for connections of DNS over TCP: every newcomer gets one, at the cost of the network that holds most.

import { expect, test } from "bun:test";
import { ConnectionPlaces, type Placed } from "../../../src/registry/dns/connection-places.ts";
import { bound } from "../../support/bounds.ts";
import { testLimits } from "../../support/limits.ts";

class Connection implements Placed {
  isEvicted = false;
  readonly address: string;

  constructor(address: string) {
    this.address = address;
  }

  evict(): void {
    this.isEvicted = true;
  }
}

function make(limits: { dnsConnections?: number; dnsConnectionsPerAddress?: number }) {
  const counted = testLimits(limits);
  const places = new ConnectionPlaces<Connection>(counted);
  const enter = (address: string): Connection => {
    const connection = new Connection(address);
    places.enter(connection);
    return connection;
  };
  return { places, enter, limits: counted };
}

bound("dnsConnections", {
  at() {
    const { enter, places, limits } = make({ dnsConnections: 3 });
    const all = ["10.0.0.1", "10.0.0.1", "10.0.0.2"].map(enter);
    expect(all.some(({ isEvicted }) => isEvicted)).toBe(false);
    expect([places.size, limits.reached.size]).toEqual([3, 0]);
  },
  above() {
    const { enter, places, limits } = make({ dnsConnections: 3 });
    const [other, first, second] = ["10.0.0.2", "10.0.0.1", "10.0.0.1"].map(enter);
    enter("10.0.0.3");
    expect([other, first, second].map((each) => each?.isEvicted)).toEqual([false, true, false]);
    expect([places.size, limits.reached.get("dnsConnections"), limits.use("dnsConnections")]).toEqual([3, 1, 3]);
  },
});

bound("dnsConnectionsPerAddress", {
  at() {
    const { enter, limits } = make({ dnsConnectionsPerAddress: 2 });
    const all = ["10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.2"].map(enter);
    expect(all.some(({ isEvicted }) => isEvicted)).toBe(false);
    expect(limits.use("dnsConnectionsPerAddress")).toBe(2);
  },
  above() {
    const { enter, limits } = make({ dnsConnectionsPerAddress: 2 });
    const all = ["10.0.0.2", "10.0.0.1", "10.0.0.1", "10.0.0.1"].map(enter);
    expect(all.map(({ isEvicted }) => isEvicted)).toEqual([false, true, false, false]);
    expect(limits.reached.get("dnsConnectionsPerAddress")).toBe(1);
  },
});

test("the one goes that is longest without a query", () => {
  const { places, enter } = make({ dnsConnections: 3 });
  const all = ["10.0.0.1", "10.0.0.1", "10.0.0.1"].map(enter);
  for (const at of [0, 2]) places.asked(all[at] ?? enter("none"));
  enter("10.0.0.2");
  expect(all.map(({ isEvicted }) => isEvicted)).toEqual([false, true, false]);
  // What has gone neither asks nor leaves.
  const gone = all[1] ?? enter("none");
  places.asked(gone);
  places.leave(gone);
  expect(places.size).toBe(3);
});

test("an address with many connections keeps nobody out, however busy they are", () => {
  const { places, enter, limits } = make({ dnsConnections: 8 });
  const held = Array.from({ length: 8 }, () => enter("127.0.0.1"));
  for (let round = 0; round < 100; round++) {
    for (const connection of [...places.all()]) if (connection.address === "127.0.0.1") places.asked(connection);
    const other = enter(`10.0.0.${round % 4}`);
    places.asked(other);
    expect(other.isEvicted).toBe(false);
    if (round % 4 === 3) for (const each of [...places.all()]) if (each.address !== "127.0.0.1") places.leave(each);
  }
  expect(held.filter(({ isEvicted }) => !isEvicted)).toHaveLength(4);
  expect(places.size).toBe(4);
  expect(limits.reached.get("dnsConnections")).toBe(4);
});

test("this machine has as many connections as there are places", () => {
  const { enter, places } = make({ dnsConnections: 100, dnsConnectionsPerAddress: 1 });
  for (let count = 0; count < 100; count++) enter("127.0.0.1");
  expect(places.size).toBe(100);
});

test("an IPv6 network of 64 bits counts as one address; loopback has no bound", () => {
  const { enter, places } = make({ dnsConnectionsPerAddress: 2 });
  const [first, second, third] = ["2001:db8::1", "2001:db8::2", "2001:db8:0:0:9::3"].map(enter);
  const other = enter("2001:db8:0:1::1");
  expect([first, second, third, other].map((each) => each?.isEvicted)).toEqual([true, false, false, false]);
  const local = ["::1", "::1", "::1"].map(enter);
  expect(local.some(({ isEvicted }) => isEvicted)).toBe(false);
  for (const connection of [second, third, other, ...local]) if (connection !== undefined) places.leave(connection);
  expect(places.size).toBe(0);
});

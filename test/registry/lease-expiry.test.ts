// A lease that is not renewed runs out, unless too many do at once, over virtual time.

import { describe, expect, test } from "bun:test";
import { leaseMs } from "../../src/base/limits/fixed.ts";
import { discoveryAppid, Status } from "../../src/registry/instance.ts";
import { Code } from "../../src/registry/codes.ts";
import { PublicGateways } from "../../src/registry/lookup/public-gateways.ts";
import { beginNs, identityOf, living, nodeInfo } from "./support.ts";
import { address, type World, started, register, chats, stale } from "./lone-node.ts";

/** Renews an instance every 30 s, as long as time passes. */
function keepRenewing({ time, node }: World, hostname: string): void {
  const renew = (): void => {
    node.registrar.renew(identityOf({ hostname }), 0n, "client");
    time.after(30_000, renew);
  };
  time.after(30_000, renew);
}

/** Lets the instances renew after half a minute. */
function renewOnce({ time, node }: Pick<World, "time" | "node">, hostnames: readonly string[]): void {
  time.advance(30_000);
  for (const hostname of hostnames) node.registrar.renew(identityOf({ hostname }), 0n, "client");
}

describe("leases", () => {
  test("of three instances the one that dies is gone after 90 s, and watchers are called", () => {
    const world = started();
    const { time, node } = world;
    for (const hostname of ["a", "b", "c"]) register(node, { hostname });
    for (const hostname of ["a", "b"]) keepRenewing(world, hostname);
    time.advance(1);
    let woken = 0;
    node.watch("prod", "chat", () => void woken++);
    time.advance(leaseMs - 1);
    expect(chats(node)).toEqual(["a", "b", "c"]);
    time.advance(1_001);
    expect(chats(node)).toEqual(["a", "b"]);
    expect([node.evictions, woken]).toEqual([1, 1]);
    time.advance(60 * 60_000);
    expect(chats(node)).toEqual(["a", "b"]);
  });

  test("when all of three fall silent at once they are kept for three minutes", () => {
    const { time, node } = started();
    for (const hostname of ["a", "b", "c"]) register(node, { hostname });
    renewOnce({ time, node }, ["a", "b", "c"]);
    time.advance(leaseMs + 1_000);
    expect(node.isProtected).toBe(true);
    time.advance(89_000);
    expect(chats(node)).toEqual(["a", "b", "c"]);
    time.advance(1_001);
    expect(chats(node)).toEqual([]);
  });

  test("instances that are kept are marked, watchers are called, and a renewal takes the mark away", () => {
    const { time, node } = started();
    for (const hostname of ["a", "b"]) register(node, { hostname });
    register(node, { hostname: "c", appid: "login" });
    renewOnce({ time, node }, ["a", "b"]);
    node.registrar.renew(identityOf({ appid: "login", hostname: "c" }), 0n, "client");
    time.advance(1);
    let told = 0;
    node.watch("prod", "chat", () => void told++);
    time.advance(leaseMs - 1);
    expect([stale(node), told]).toEqual([[], 0]);
    time.advance(2_000);
    expect(node.isProtected).toBe(true);
    // Once for all of a service.
    expect([stale(node), told]).toEqual([["a", "b"], 1]);
    const { latest = 0n } = node.table.app("prod", "chat") ?? {};
    expect(node.registrar.renew(identityOf({ hostname: "b" }), 0n, "client").code).toBe(Code.Ok);
    expect(stale(node)).toEqual(["a"]);
    time.advance(1_000);
    expect(told).toBe(2);
    expect(node.table.app("prod", "chat")?.latest ?? 0n).toBeGreaterThan(latest);
    // A set is no sign of life, and to register is one.
    const changes = [{ hostname: "a", status: Status.Waiting, metadata: undefined }];
    node.registrar.set({ env: "prod", appid: "chat", zone: "z1", changes, setTimestamp: 0n }, "client");
    expect(stale(node)).toEqual(["a"]);
    register(node, { hostname: "a" });
    expect(stale(node)).toEqual([]);
    time.advance(60_000);
    expect(chats(node)).toEqual(["a", "b"]);
  });

  test("those that are kept are named by DNS and lookups as before, marked or not", () => {
    const { time, node } = started();
    for (const hostname of ["a", "b", "c"])
      register(node, { hostname, appid: "wgateway", metadata: new Map([["domain", `wss://${hostname}.example`]]) });
    time.advance(30_000);
    for (const hostname of ["a", "b", "c"])
      node.registrar.renew(identityOf({ appid: "wgateway", hostname }), 0n, "client");
    const gateways = new PublicGateways({ directory: node, revisions: node, env: "prod", clock: time.clock(0) });
    const all = gateways.urls(undefined);
    expect(all.length).toBe(3);
    time.advance(leaseMs + 1_000);
    const lapsed = [...(node.table.app("prod", "wgateway")?.entries() ?? [])].filter(({ isLapsed }) => isLapsed);
    expect([node.isProtected, lapsed.length]).toEqual([true, 3]);
    expect(gateways.urls(undefined)).toEqual(all);
    expect(node.instances("prod", "wgateway", Status.Any).length).toBe(3);
  });

  test("what another node heard of takes the mark away, what is as old as its lease does not", () => {
    const { time, node } = started();
    for (const hostname of ["a", "b"]) node.table.merge(living(beginNs, { hostname }));
    time.advance(leaseMs + 2_000);
    expect(stale(node)).toEqual(["a", "b"]);
    node.table.merge(living(beginNs, { hostname: "a" }, leaseMs + 1));
    expect(stale(node)).toEqual(["a", "b"]);
    node.table.merge(living(beginNs, { hostname: "a" }, leaseMs - 1));
    expect(stale(node)).toEqual(["b"]);
    node.registrar.cancel(identityOf({ hostname: "b" }), 0n, "client");
    register(node, { hostname: "b" });
    expect(stale(node)).toEqual([]);
  });

  test("of thirty thousand a fifth that falls silent is kept; when it is heard again protection ends", () => {
    const { time, node } = started();
    const count = 30_000;
    for (let index = 0; index < count; index++) node.table.merge(living(beginNs, { hostname: `i${index}` }));
    const renew = (from: number): void => {
      for (let index = from; index < count; index++)
        node.registrar.renew(identityOf({ hostname: `i${index}` }), 0n, "client");
    };
    time.advance(60_000);
    renew(count / 5);
    time.advance(60_000);
    renew(count / 5);
    expect([node.isProtected, node.evictions]).toEqual([true, 0]);
    // All but a hundred are back.
    renew(100);
    time.advance(33_000);
    expect(node.isProtected).toBe(false);
    expect(node.evictions).toBe(100);
    expect(node.table.live).toBe(count - 100 + 1);
  });

  test("what never renewed is forgotten after its lease, and protects nobody", () => {
    const world = started();
    const { time, node } = world;
    for (const hostname of ["a", "b", "c"]) register(node, { hostname });
    for (const hostname of ["a", "b", "c"]) keepRenewing(world, hostname);
    for (let index = 0; index < 500; index++) register(node, { appid: "junk", hostname: `j${index}` });
    time.advance(leaseMs + 1_000);
    expect(node.isProtected).toBe(false);
    expect([node.table.live, node.evictions]).toEqual([4, 500]);
  });

  test("what is renewed at once, as no client does, has not renewed either", () => {
    const world = started();
    const { time, node } = world;
    register(node, { hostname: "a" });
    keepRenewing(world, "a");
    for (let index = 0; index < 50; index++) {
      register(node, { appid: "junk", hostname: `j${index}` });
      node.registrar.renew(identityOf({ appid: "junk", hostname: `j${index}` }), 0n, "client");
    }
    time.advance(leaseMs + 1_000);
    expect([node.isProtected, node.table.live]).toEqual([false, 2]);
  });

  test("what never renewed is forgotten after its lease even while others are protected", () => {
    const { time, node } = started();
    for (const hostname of ["a", "b"]) register(node, { hostname });
    renewOnce({ time, node }, ["a", "b"]);
    register(node, { appid: "junk", hostname: "j" });
    time.advance(leaseMs + 1_000);
    expect(node.isProtected).toBe(true);
    expect(chats(node)).toEqual(["a", "b"]);
    expect(node.knows("prod", "junk")).toBe(false);
  });

  test("of others' instances it is known whether they have renewed, from states and from renewals", () => {
    const { time, node } = started();
    const message = { kind: "replicate", node: nodeInfo(), isSpread: false } as const;
    const states = ["told", "renewing", "junk"].map((hostname) => ({
      ...living(beginNs, { hostname }),
      hasRenewed: hostname === "told",
    }));
    node.replication.onReplicate({ ...message, states, renewals: [] });
    time.advance(30_000);
    const renewal = { identity: identityOf({ hostname: "renewing" }), dirty: beginNs, ageMs: 0 };
    node.replication.onReplicate({ ...message, states: [], renewals: [renewal] });
    const chat = node.table.app("prod", "chat")?.entries() ?? [];
    const renewed = [...chat].filter(({ hasRenewed }) => hasRenewed);
    expect(renewed.map(({ identity: { hostname } }) => hostname).toSorted()).toEqual(["renewing", "told"]);
  });

  test("that run out all at once end over several looks", () => {
    const { time, node } = started();
    for (let index = 0; index < 5_000; index++) register(node, { appid: "junk", hostname: `j${index}` });
    time.advance(leaseMs + 1_000);
    expect(node.evictions).toBe(2_000);
    time.advance(1_000);
    expect(node.evictions).toBe(4_000);
    time.advance(1_000);
    expect([node.evictions, node.table.live]).toEqual([5_000, 1]);
  });

  test("a registry node that falls silent is forgotten, protected or not", () => {
    const { time, node } = started();
    for (const hostname of ["a", "b"]) register(node, { hostname });
    register(node, { appid: discoveryAppid, hostname: "10.0.0.2:7171", addrs: ["http://10.0.0.2:7171"] });
    renewOnce({ time, node }, ["a", "b"]);
    time.advance(leaseMs + 2_000);
    expect(node.isProtected).toBe(true);
    expect(chats(node)).toEqual(["a", "b"]);
    expect(node.instances("prod", discoveryAppid, Status.Any).map(({ hostname }) => hostname)).toEqual([address]);
  });
});

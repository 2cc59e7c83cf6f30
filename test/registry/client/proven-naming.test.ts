// The naming service of a process with cluster keys, over a registry in memory to which strangers write, too.

import { testLimits } from "../../support/limits.ts";
import { describe, expect, test } from "bun:test";
import { ClusterKeys } from "../../../src/auth/cluster-keys.ts";
import { judgeProof } from "../../../src/auth/instance-proof.ts";
import { silentLog } from "../../../src/base/log.ts";
import { Readiness } from "../../../src/service/readiness.ts";
import { GatewayWatch } from "../../../src/node/gateway-watch.ts";
import { knownSessionsIdentity } from "../../../src/node/known-identity.ts";
import { Admission } from "../../../src/registry/lookup/admission.ts";
import { startLoneRegistry } from "../../../src/registry/node/alone.ts";
import { InProcessNaming } from "../../../src/registry/client/in-process-naming.ts";
import { localRegistrar } from "../../../src/registry/client/local-registrar.ts";
import type { Naming, Registration } from "../../../src/registry/client/naming.ts";
import { ProvenNaming, restoreMs } from "../../../src/registry/client/proven-naming.ts";
import { Status } from "../../../src/registry/instance.ts";
import { knownToNobody } from "../../../src/session/redis/redis-owner.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { ManualTimers } from "../../support/manual-timers.ts";
import { until } from "../../../scripts/harness/until.ts";
import { VirtualTime } from "../../sim/virtual-time.ts";
import { endings } from "../../support/endings.ts";
import { turn } from "../../transport/recording.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const clusterKeys = [bytes("key a of this cluster"), bytes("key b of this cluster")];
const env = "test";
const ends = endings();

/** A registry, and ways to it with and without the key. */
function world(isRegistryOpen = true) {
  const registry = startLoneRegistry({ env, zone: "z1", version: "test", limits: testLimits(), log: silentLog });
  ends.push(() => registry.stop());
  const timers = new ManualTimers();
  const stranger = (): Naming => {
    const registrar = localRegistrar(registry);
    const naming = new InProcessNaming({ directory: registry, registrar, env, zone: "z1", region: "", log: silentLog });
    ends.push(() => naming.close());
    return naming;
  };
  const member = (given: readonly Uint8Array[] | ClusterKeys = clusterKeys): ProvenNaming => {
    const keys = given instanceof ClusterKeys ? given : new ClusterKeys(given);
    const admission = new Admission({ clock: systemClock, env, keys, isRegistryOpen, log: silentLog });
    const naming = new ProvenNaming(stranger(), {
      env,
      zone: "z1",
      keys,
      admission,
      isRegistryOpen,
      timers,
    });
    ends.push(() => naming.close());
    return naming;
  };
  return { registry, stranger, member, timers };
}

const registration = (service: string, id: string, metadata: Readonly<Record<string, string>> = {}): Registration => ({
  service,
  id,
  addrs: [`tcp://${id}:1`],
  version: "1",
  status: Status.Up,
  metadata: new Map(Object.entries({ id, incarnation: "00aa11bb22cc33dd", link: `${id}:1`, ...metadata })),
});

const idsOf = async (naming: Naming, service: string): Promise<string[]> =>
  (await naming.find(service)).map(({ hostname }) => hostname).toSorted();

describe("what a member registers", () => {
  test("carries a proof, also after a change of its metadata and of its status", async () => {
    const { member, stranger } = world();
    const registered = await member().register(registration("chat", "c1", { state: "young" }));
    const verdict = async (): Promise<unknown> => {
      const [entry] = await stranger().find("chat");
      if (entry === undefined) throw new Error("chat is not listed");
      const { zone, hostname: id, addrs, metadata } = entry;
      return clusterKeys.map((key) => judgeProof({ env, zone, service: "chat", id, addrs, metadata }, [key]));
    };
    expect(await verdict()).toEqual(["proven", "proven"]);
    await registered.update({ metadata: registration("chat", "c1", { state: "adult" }).metadata });
    expect(await verdict()).toEqual(["proven", "proven"]);
    await registered.update({ status: Status.Up });
    expect(await verdict()).toEqual(["proven", "proven"]);
    await registered.deregister();
    expect(await idsOf(stranger(), "chat")).toEqual([]);
  });
});

test("a list of all instances has those of strangers, and of members that wait, and tells them apart", async () => {
  const { member, stranger } = world();
  await member().register({ ...registration("chat", "c1"), status: Status.Waiting });
  await stranger().register(registration("chat", "x1"));
  const all = await member().listAll("chat");
  const shown = all.map(({ instance: { hostname, status }, isProven }) => `${hostname} ${status} ${isProven}`);
  expect(shown.toSorted()).toEqual([`c1 ${Status.Waiting} true`, `x1 ${Status.Up} false`]);
});

test("what a member says after a change of its keys carries proofs by those alone", async () => {
  const { member, stranger } = world();
  const [a = bytes(""), b = bytes("")] = clusterKeys;
  const keys = new ClusterKeys([a]);
  const registered = await member(keys).register(registration("chat", "c1"));
  const believed = async (): Promise<boolean[]> => {
    const all = [[a], [b]].map((each) => idsOf(member(each), "chat"));
    return (await Promise.all(all)).map((ids) => ids.includes("c1"));
  };
  expect(await believed()).toEqual([true, false]);
  const { metadata } = registration("chat", "c1");
  for (const [next, expected] of [
    [
      [b, a],
      [true, true],
    ],
    [[b], [false, true]],
  ] as const) {
    keys.replace(next);
    await registered.update({ metadata });
    expect(await believed()).toEqual([...expected]);
  }
  expect((await stranger().find("chat"))[0]?.metadata.get("proof")).not.toContain(",");
});

describe("what a member learns", () => {
  test("are the members alone, by each way of asking", async () => {
    const { member, stranger } = world();
    await member().register(registration("chat", "c1"));
    await stranger().register(registration("chat", "fake"));
    await member([bytes("key of some other cluster")]).register(registration("chat", "foreign"));
    const naming = member();
    expect(await idsOf(naming, "chat")).toEqual(["c1"]);
    expect((await naming.findNow("chat")).map(({ hostname }) => hostname)).toEqual(["c1"]);
    const told: string[][] = [];
    naming.subscribe("chat", (instances) => told.push(instances.map(({ hostname }) => hostname)));
    await until(() => told.length > 0, "the list is told");
    await stranger().register(registration("chat", "fake-2"));
    await member().register(registration("chat", "c2"));
    await until(() => told.length > 1, "the next list is told");
    // What strangers do in between is no news.
    expect(told).toEqual([["c1"], ["c1", "c2"]]);
    expect(naming.leftOut.toSorted()).toEqual(["fake", "fake-2", "foreign"]);
  });

  test("changes with the keys: a proof by a removed key no longer counts, one by the new key does", async () => {
    const { member } = world();
    const [a = bytes(""), b = bytes("")] = clusterKeys;
    const keys = new ClusterKeys([a]);
    const naming = member(keys);
    await member([a]).register(registration("chat", "c1"));
    await member([b]).register(registration("chat", "c2"));
    const told: string[][] = [];
    naming.subscribe("chat", (instances) => told.push(instances.map(({ hostname }) => hostname)));
    await until(() => told.length > 0, "the list is told");
    keys.replace([b, a]);
    keys.replace([b, a]);
    expect(await idsOf(naming, "chat")).toEqual(["c1", "c2"]);
    keys.replace([b]);
    expect(told).toEqual([["c1"], ["c1", "c2"], ["c2"]]);
    expect(await idsOf(naming, "chat")).toEqual(["c2"]);
    naming.unsubscribe("chat");
    keys.replace([a]);
    expect(told).toHaveLength(3);
  });

  test("counts everybody where writes need the key, for a change of a store's owner: that waits for all", async () => {
    const { member, stranger } = world(false);
    await stranger().register(registration("chat", "former"));
    await member([bytes("key of some other cluster")]).register(registration("chat", "foreign"));
    expect(await idsOf(member(), "chat")).toEqual(["former"]);
    expect((await member().findNow("chat")).map(({ hostname }) => hostname).toSorted()).toEqual(["foreign", "former"]);
  });
});

describe("an entry that a stranger has replaced", () => {
  test("is registered again at once, and then once in two seconds at most", async () => {
    const { member, stranger, timers } = world();
    const naming = member();
    await naming.register(registration("chat", "c1"));
    naming.subscribe("chat", () => undefined);
    const reader = member();
    await turn();
    const isOurs = async (): Promise<boolean> => (await idsOf(reader, "chat")).length === 1;
    expect(await isOurs()).toBe(true);
    const replace = (): Promise<unknown> =>
      stranger().register({ ...registration("chat", "c1"), addrs: ["tcp://evil:1"] });
    await replace();
    await turn();
    expect(await isOurs()).toBe(true);
    await replace();
    await turn();
    expect(await isOurs()).toBe(false);
    timers.advance(restoreMs - 1);
    await turn();
    expect(await isOurs()).toBe(false);
    timers.advance(1);
    await turn();
    expect(await isOurs()).toBe(true);
    timers.advance(10 * restoreMs);
    expect(timers.pending).toBe(0);
  });

  test("is registered again, too, if it is a copy of what this process said before", async () => {
    const { member, stranger } = world();
    const naming = member();
    const registered = await naming.register(registration("chat", "c1", { state: "young" }));
    naming.subscribe("chat", () => undefined);
    await turn();
    const state = async (): Promise<string | undefined> => (await member().find("chat"))[0]?.metadata.get("state");
    const [former] = await stranger().find("chat");
    await registered.update({ metadata: registration("chat", "c1", { state: "adult" }).metadata });
    await turn();
    expect(await state()).toBe("adult");
    if (former === undefined) throw new Error("chat was not listed");
    const copy = { service: "chat", id: "c1", addrs: former.addrs, version: former.version, metadata: former.metadata };
    await stranger().register({ ...copy, status: Status.Up });
    expect(await state()).toBe("young");
    await turn();
    expect(await state()).toBe("adult");
  });

  test("is registered again, too, if it has this process's proof and another address", async () => {
    const { member, stranger } = world();
    const naming = member();
    await naming.register(registration("chat", "c1"));
    naming.subscribe("chat", () => undefined);
    const [entry] = await stranger().find("chat");
    if (entry === undefined) throw new Error("chat is not listed");
    await stranger().register({ ...registration("chat", "c1"), metadata: entry.metadata, addrs: ["tcp://evil:1"] });
    await turn();
    expect(await idsOf(member(), "chat")).toEqual(["c1"]);
    expect((await stranger().find("chat"))[0]?.addrs).toEqual(["tcp://c1:1"]);
  });

  test("is left to its owner where another zone lists one of that id beside it", async () => {
    const { member, registry } = world();
    const naming = member();
    await naming.register(registration("chat", "c1"));
    const before = registry.version;
    localRegistrar(registry).register({
      env,
      appid: "chat",
      zone: "z2",
      hostname: "c1",
      region: "",
      addrs: ["tcp://evil:1"],
      version: "",
      metadata: new Map(),
      status: Status.Up,
    });
    const written = registry.version;
    naming.subscribe("chat", () => undefined);
    await turn();
    expect(written).toBeGreaterThan(before);
    expect(registry.version).toBe(written);
    expect(await idsOf(naming, "chat")).toEqual(["c1"]);
  });
});

describe("a stranger's gateway", () => {
  const fake = registration("wgateway", "fake");

  test("keeps no node from becoming ready", async () => {
    const { member, stranger } = world();
    await stranger().register(fake);
    const time = new VirtualTime();
    const reached: boolean[] = [];
    const readiness = new Readiness({
      prepared: () => Promise.resolve(),
      naming: member(),
      timers: time.timersOf(() => true),
      log: silentLog,
      isLinked: () => false,
      linkedCount: () => 0,
      reached: (isForced) => void reached.push(isForced),
    });
    readiness.start();
    await turn();
    expect(reached).toEqual([false]);
  });

  test("is named to the operator of a node that has no other one", async () => {
    const { member, stranger } = world();
    await stranger().register(fake);
    const time = new VirtualTime();
    const watch = new GatewayWatch({
      naming: member(),
      timers: time.timersOf(() => true),
      log: silentLog,
      linkedCount: () => 0,
    });
    watch.start();
    for (let passed = 0; passed < 65_000; passed += 5_000) {
      time.advance(5_000);
      await turn();
    }
    expect(watch.trouble).toContain("the gateways that are listed (fake) have no proof by its keys");
    watch.stop();
  });

  test("gives no session store its identity", async () => {
    const { member, stranger } = world();
    await stranger().register(registration("login", "fake", { sessions: "f".repeat(32) }));
    expect(await knownSessionsIdentity(member(), "login-1")()).toBe(knownToNobody);
    await member().register(registration("login", "login-2", { sessions: "1".repeat(32) }));
    expect(await knownSessionsIdentity(member(), "login-1")()).toBe("1".repeat(32));
  });
});

// A member registers, says how it is, and leaves.

import { afterEach, describe, expect, test } from "bun:test";
import { ClusterKeys } from "../../src/auth/cluster-keys.ts";
import { clusterFingerprint } from "../../src/auth/store-ownership.ts";
import { newStoreIdentity } from "../../src/auth/store-ownership.ts";
import { type NodeStores, unknownStores } from "../../src/link/node-stores.ts";
import type { Registration } from "../../src/registry/client/naming.ts";
import { faultOfMetadata, nameBounds } from "../../src/registry/names.ts";
import { until } from "../../scripts/harness/until.ts";
import { turn } from "../transport/recording.ts";
import { closeAll, newIdentity } from "../link/support.ts";
import { HandNaming, instanceOf } from "../link/hand-naming.ts";
import { member, offer } from "./membership-support.ts";

afterEach(closeAll);

/** A registry that can be held up, and remembers what was said to it. */
class NotingNaming extends HandNaming {
  readonly said: (string | undefined)[] = [];
  /** Beside what was said, the entry of its keys. */
  readonly fingerprints: (string | undefined)[] = [];
  isRefusing = false;
  readonly open = Promise.withResolvers<void>();
  isHeldUp = false;
  gone = 0;

  override async register(registration: Registration) {
    if (this.isHeldUp) await this.open.promise;
    const registered = await super.register(registration);
    this.said.push(registration.metadata.get("state"));
    this.fingerprints.push(registration.metadata.get("keys"));
    return {
      ...registered,
      update: ({ metadata }: { readonly metadata?: ReadonlyMap<string, string> }): Promise<void> => {
        this.said.push(metadata?.get("state"));
        this.fingerprints.push(metadata?.get("keys"));
        return this.isRefusing ? Promise.reject(new Error("not now")) : Promise.resolve();
      },
      deregister: (): Promise<void> => {
        this.gone++;
        return Promise.resolve();
      },
    };
  }
}

describe("a member", () => {
  test("registers each of its services with what others need to know", async () => {
    const naming = new NotingNaming();
    const { membership, identity, address } = member(naming);
    expect(membership.isListed).toBe(false);
    await membership.join([offer("wgateway"), offer("tgateway")], "adult");
    expect(membership.isListed).toBe(true);
    expect(naming.registrations.map(({ service, id }) => [service, id])).toEqual([
      ["wgateway", "n1"],
      ["tgateway", "n1"],
    ]);
    expect(naming.registrations[0]).toMatchObject({ addrs: ["tcp://wgateway:1"], version: "1.2.3", status: 1 });
    expect(Object.fromEntries(naming.registrations[0]?.metadata ?? [])).toEqual({
      protocol: "tcp",
      id: "n1",
      incarnation: identity.incarnation,
      state: "adult",
      zone: "z1",
      version: "1.2.3",
      link: address,
    });
  });

  test("says its weight where it has one, 0 too", async () => {
    for (const weight of [undefined, 0, 7]) {
      const naming = new HandNaming();
      const { membership } = member(naming, undefined, [], undefined, { weight });
      await membership.join([offer()], "young");
      expect(naming.registrations[0]?.metadata.get("weight")).toBe(weight === undefined ? weight : String(weight));
    }
  });

  test("says the fingerprints of its keys, the same in whatever order it has them", async () => {
    for (const fingerprints of [
      ["bb", "aa"],
      ["aa", "bb"],
    ]) {
      const naming = new NotingNaming();
      const { membership } = member(naming, newIdentity("n1", "chat"), fingerprints);
      await membership.join([offer("wgateway"), offer("tgateway")], "adult");
      expect(naming.registrations.map(({ metadata }) => metadata.get("keys"))).toEqual(["aa,bb", "aa,bb"]);
    }
  });

  test("with 16 keys and 20 long tags says what a registry takes", async () => {
    const naming = new NotingNaming();
    const fingerprints = Array.from({ length: 16 }, (_, at) => clusterFingerprint(Buffer.alloc(32, at), "env"));
    const { membership } = member(naming, newIdentity("n1", "chat"), fingerprints);
    const tags = Array.from({ length: 20 }, (_, at) => [`tag.${at}`, "t".repeat(200)] as const);
    await membership.join([{ ...offer(), metadata: new Map(tags) }], "young");
    const [registration] = naming.registrations;
    expect(registration?.metadata.get("keys")).toHaveLength(16 * 33 - 1);
    expect(faultOfMetadata(registration?.metadata ?? new Map(), nameBounds)).toBeUndefined();
  });

  test("says how it is; a registry that refuses that is no reason to fail", async () => {
    const naming = new NotingNaming();
    const { membership } = member(naming);
    await membership.join([offer()], "young");
    await membership.setState("adult");
    naming.isRefusing = true;
    await membership.setState("leaving");
    expect(naming.said).toEqual(["young", "adult", "leaving"]);
    await membership.leave();
    expect(naming.gone).toBe(1);
  });

  test("says again what it is when its keys change, also when that was while it was being registered", async () => {
    for (const isHeldUp of [false, true]) {
      const naming = new NotingNaming();
      naming.isHeldUp = isHeldUp;
      const keys = new ClusterKeys([Buffer.alloc(32, 1)], "env");
      const { membership } = member(naming, newIdentity("n1", "chat"), [], () => unknownStores, { keys });
      const joined = membership.join([offer()], "young");
      if (!isHeldUp) await joined;
      keys.replace([Buffer.alloc(32, 2)]);
      naming.open.resolve();
      await joined;
      await turn();
      expect([isHeldUp, naming.said, naming.fingerprints]).toEqual([
        isHeldUp,
        ["young", "young"],
        [[1], [2]].map(([byte = 0]) => clusterFingerprint(Buffer.alloc(32, byte), "env")),
      ]);
    }
  });

  test("says what it has become while it was being registered", async () => {
    const naming = new NotingNaming();
    naming.isHeldUp = true;
    const { membership } = member(naming);
    const joined = membership.join([offer()], "young");
    await membership.setState("adult");
    expect(membership.isListed).toBe(false);
    naming.open.resolve();
    await joined;
    expect(naming.said).toEqual(["young", "adult"]);
  });

  test("is lost when a greater incarnation lives under its id, and not while that incarnation is dead", async () => {
    const naming = new HandNaming();
    const { membership, lost, identity } = member(naming, {
      ...newIdentity("n1", "chat"),
      incarnation: "5".repeat(16),
    });
    await membership.join([offer()], "adult");
    const greater = member(naming, { ...identity, incarnation: "9".repeat(16) });
    naming.list("chat", instanceOf(greater.identity, "127.0.0.1:1"));
    naming.list("chat", instanceOf(newIdentity("n2", "chat"), greater.address));
    await Bun.sleep(50);
    expect(lost).toEqual([]);
    naming.list("chat", instanceOf(greater.identity, greater.address));
    await until(() => lost.length > 0, "it hears of it");
    expect(lost[0]).toContain(`answers at ${greater.address}`);
  });

  test("that has left hears nothing any more", async () => {
    const naming = new HandNaming();
    const { membership, lost } = member(naming, { ...newIdentity("n1", "chat"), incarnation: "5".repeat(16) });
    await membership.join([offer()], "adult");
    const other = member(naming, { ...newIdentity("n1", "chat"), incarnation: "9".repeat(16) });
    await membership.leave();
    naming.list("chat", instanceOf(other.identity, other.address));
    await Bun.sleep(50);
    expect(lost).toEqual([]);
  });
});

test("says which stores it uses, learns of later and changes, and repeats nothing", async () => {
  const naming = new HandNaming();
  const updates: ReadonlyMap<string, string>[] = [];
  naming.register = (registration) => {
    naming.registrations.push(registration);
    const update = async (change: { readonly metadata?: ReadonlyMap<string, string> }): Promise<void> => {
      updates.push(change.metadata ?? new Map());
    };
    return Promise.resolve({ update, deregister: () => Promise.resolve() });
  };
  let stores: NodeStores = unknownStores;
  const { membership } = member(naming, newIdentity("n1", "chat"), [], () => stores);
  await membership.join([offer()], "adult");
  expect(naming.registrations[0]?.metadata.has("sessions")).toBe(false);
  await membership.tellChanges();
  expect(updates).toEqual([]);
  const identity = newStoreIdentity();
  stores = { sessions: { identity, place: "redis://a" }, messages: undefined };
  await membership.tellChanges();
  await membership.tellChanges();
  expect(updates).toHaveLength(1);
  expect(updates[0]?.get("sessions")).toBe(identity);
  expect(updates[0]?.get("sessions-at")).toBe("redis://a");
  expect(updates[0]?.get("state")).toBe("adult");
  stores = unknownStores;
  await membership.tellChanges();
  expect(updates[1]?.has("sessions")).toBe(false);
});

test("says which gateways it has lost, sixteen at most, and repeats nothing", async () => {
  const naming = new HandNaming();
  const told: (string | undefined)[] = [];
  naming.register = ({ metadata }) => {
    told.push(metadata.get("gone"));
    const update = async (change: { readonly metadata?: ReadonlyMap<string, string> }): Promise<void> => {
      told.push(change.metadata?.get("gone"));
    };
    return Promise.resolve({ update, deregister: () => Promise.resolve() });
  };
  let gone: string[] = [];
  const { membership } = member(naming, newIdentity("n1", "chat"), [], undefined, { gone: () => gone });
  await membership.join([offer()], "adult");
  gone = ["g1", "g2"];
  await membership.tellChanges();
  await membership.tellChanges();
  gone = Array.from({ length: 20 }, (_, at) => `g${at}`);
  await membership.tellChanges();
  gone = [];
  await membership.tellChanges();
  expect(told).toEqual([undefined, "g1,g2", Array.from({ length: 16 }, (_, at) => `g${at}`).join(), undefined]);
});

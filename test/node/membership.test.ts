// A process's place in the registry: it claims its id, registers, says how it is, and leaves.

import { testLimits } from "../support/limits.ts";
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import type { LinkIdentity } from "../../src/auth/link-proof.ts";
import { ClusterKeys } from "../../src/auth/cluster-keys.ts";
import { clusterFingerprint } from "../../src/auth/store-ownership.ts";
import { type LogFields, silentLog } from "../../src/base/log.ts";
import { LinkListener } from "../../src/link/link-listener.ts";
import { newStoreIdentity } from "../../src/auth/store-ownership.ts";
import { type NodeStores, unknownStores } from "../../src/link/node-stores.ts";
import { IdTaken, Membership } from "../../src/node/membership.ts";
import type { Naming, Registration } from "../../src/registry/client/naming.ts";
import { startLoneRegistry } from "../../src/registry/node/alone.ts";
import { InProcessNaming } from "../../src/registry/client/in-process-naming.ts";
import { localRegistrar } from "../../src/registry/client/local-registrar.ts";
import { RegistrationRefused } from "../../src/registry/client/registration-loop.ts";
import { systemTimers } from "../../src/base/timers.ts";
import { faultOfMetadata, nameBounds } from "../../src/registry/names.ts";
import { until } from "../../scripts/harness/until.ts";
import { turn } from "../transport/recording.ts";
import {
  afterwards,
  closeAll,
  HandNaming,
  instanceOf,
  LinkEnd,
  newIdentity,
  TestNode,
  wrongKey,
} from "../link/support.ts";

afterEach(closeAll);

/** A process that takes links, answers who asks it, and has a place in that registry. */
function member(
  naming: Naming,
  identity: LinkIdentity = newIdentity("n1", "chat"),
  fingerprints: readonly string[] = [],
  stores: () => NodeStores = () => unknownStores,
  parts: Partial<Pick<ConstructorParameters<typeof Membership>[0], "log" | "timers" | "gone" | "weight" | "keys">> = {},
) {
  const end = new LinkEnd(identity);
  const { address, server } = end.listen(new LinkListener({ ...end.side, service: undefined }));
  const lost: string[] = [];
  const membership = new Membership({
    ...end.side,
    keys: parts.keys ?? { all: end.keys.all, fingerprints, onChange: () => undefined },
    naming,
    log: parts.log ?? silentLog,
    timers: parts.timers ?? systemTimers,
    link: address,
    zone: "z1",
    version: "1.2.3",
    stores,
    ...(parts.gone && { gone: parts.gone }),
    weight: parts.weight,
    lost: (sentence) => void lost.push(sentence),
  });
  return { end, identity, address, server, lost, membership };
}

const offer = (service = "chat") => ({
  service,
  addrs: [`tcp://${service}:1`],
  metadata: new Map([["protocol", "tcp"]]),
});

describe("a claim", () => {
  test("is refused when another incarnation answers at the listed address", async () => {
    const naming = new HandNaming();
    const holder = member(naming);
    naming.list("chat", instanceOf(holder.identity, holder.address));
    const second = member(naming);
    const claim = second.membership.claim(["chat"]);
    await expect(claim).rejects.toBeInstanceOf(IdTaken);
    await expect(claim).rejects.toThrow(
      `the id n1 belongs to another process, which answers at ${holder.address}; give this one another --id`,
    );
    expect(holder.lost).toEqual([]);
  });

  test("is refused when the id is held under any of the services", async () => {
    const naming = new HandNaming();
    const holder = member(naming, newIdentity("g1"));
    naming.list("tgateway", instanceOf(holder.identity, holder.address));
    await expect(member(naming, newIdentity("g1")).membership.claim(["wgateway", "tgateway"])).rejects.toBeInstanceOf(
      IdTaken,
    );
  });

  test("passes when nobody holds the id, and when who is listed is this very process", async () => {
    const naming = new HandNaming();
    const other = TestNode.start("n2");
    naming.list("chat", instanceOf(other.identity, other.address));
    await member(naming).membership.claim(["chat"]);
    const again = member(naming);
    naming.list("chat", instanceOf(again.identity, again.address));
    await again.membership.claim(["chat"]);
  });

  test("passes when nobody, another node or a stranger answers at the listed address, or none is known", async () => {
    const naming = new HandNaming();
    const before = newIdentity("n1", "chat");
    const closed = member(naming);
    closed.server.stopAccepting();
    const places = [closed.address, TestNode.start("n2").address, TestNode.start("n1", { key: wrongKey }).address, ""];
    for (const place of places) {
      naming.list("chat", instanceOf(before, place));
      await member(naming).membership.claim(["chat"]);
    }
  });

  test("passes when the registry is away: it stops nobody", async () => {
    const naming = new HandNaming();
    naming.isAway = true;
    await member(naming).membership.claim(["wgateway", "tgateway"]);
    expect(naming.finds).toBe(2);
  });
});

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

  test("is lost when a greater incarnation lives under its id, and not while that one is dead", async () => {
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

/** A registry that refuses as long as it is told to. */
class RefusingNaming extends HandNaming {
  refusal: RegistrationRefused | undefined = new RegistrationRefused(-401, "authorization: Bearer …");
  asked = 0;

  override register(registration: Registration) {
    this.asked++;
    return this.refusal === undefined ? super.register(registration) : Promise.reject(this.refusal);
  }
}

describe("a member that the registry refuses", () => {
  /** One that lets time pass when it is told to, and notes its errors. */
  function refusedMember() {
    const naming = new RefusingNaming();
    const errors: string[] = [];
    const planned: (() => void)[] = [];
    const log = {
      ...silentLog,
      error: (sentence: string, fields: LogFields = {}) => void errors.push(sentence, String(fields["reason"])),
    };
    const after = (_: number, action: () => void) => {
      planned.push(action);
      return () => void planned.splice(planned.indexOf(action), 1);
    };
    const { membership } = member(naming, undefined, [], undefined, { log, timers: { after } });
    return { naming, errors, planned, membership };
  }

  test("says why, and once, tries again, and is listed when the registry takes it", async () => {
    const { naming, errors, planned, membership } = refusedMember();
    const joined = membership.join([offer()], "young");
    expect(membership.trouble).toBe("no registry node has registered this process yet; check --discovery");
    for (const times of [1, 2]) {
      await until(() => planned.length === 1, `it waits the ${times}. time`);
      expect(naming.asked).toBe(times);
      expect(membership.isListed).toBe(false);
      expect(membership.trouble).toMatch(/^the registry refuses to register this process: .*--cluster-key-file/);
      if (times === 2) naming.refusal = undefined;
      planned[0]?.();
    }
    await joined;
    expect(membership.isListed).toBe(true);
    expect(membership.trouble).toBe("");
    expect(errors).toHaveLength(2);
    expect(errors[1]).toContain("--cluster-key-file");
  });

  test("shows the registry's own sentence where the key is not the reason", async () => {
    const { naming, planned, membership } = refusedMember();
    naming.refusal = new RegistrationRefused(-509, "there are 100000 instances");
    void membership.join([offer()], "young");
    await until(() => planned.length === 1, "it waits");
    expect(membership.trouble).toBe("the registry refuses to register this process: there are 100000 instances");
    await membership.leave();
  });

  test("leaves without waiting, and without an error", async () => {
    const { naming, errors, planned, membership } = refusedMember();
    const joined = membership.join([offer()], "young");
    await until(() => planned.length === 1, "it waits");
    await membership.leave();
    await joined;
    expect(planned).toEqual([]);
    expect(naming.asked).toBe(1);
    expect(errors).toHaveLength(2);
  });
});

describe("two that register in the same moment", () => {
  const registry = startLoneRegistry({
    env: "test",
    zone: "z1",
    version: "test",
    limits: testLimits(),
    log: silentLog,
  });
  afterAll(() => registry.stop());
  const naming = (zone: string): InProcessNaming => {
    const registrar = localRegistrar(registry);
    const client = new InProcessNaming({
      directory: registry,
      registrar,
      env: "test",
      zone,
      region: "",
      log: silentLog,
    });
    afterwards(() => client.close());
    return client;
  };

  test("exactly one stays, whoever came last, in one zone or in two", async () => {
    await until(() => registry.isReadable, "the registry answers");
    for (const zones of [
      ["z1", "z1"],
      ["z1", "z2"],
      ["z2", "z1"],
    ]) {
      for (const order of ["lesser first", "greater first"]) {
        const [lesserZone = "", greaterZone = ""] = zones;
        const lesser = member(naming(lesserZone), { ...newIdentity("n1", "chat"), incarnation: "1".repeat(16) });
        const greater = member(naming(greaterZone), { ...newIdentity("n1", "chat"), incarnation: "2".repeat(16) });
        const pair = order === "lesser first" ? [lesser, greater] : [greater, lesser];
        await Promise.all(pair.map(({ membership }) => membership.claim(["chat"])));
        for (const { membership } of pair) await membership.join([offer()], "adult");
        await until(() => lesser.lost.length > 0, `one of them hears of it: ${zones.join()}, ${order}`);
        expect(greater.lost).toEqual([]);
        await closeAll();
      }
    }
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

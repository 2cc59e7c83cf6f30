import { describe, expect, test } from "bun:test";
import { silentLog } from "../../../src/base/log.ts";
import {
  InProcessNaming,
  type LocalInstance,
  type LocalRegistrar,
  readableCheckMs,
} from "../../../src/registry/client/in-process-naming.ts";
import type { Registration } from "../../../src/registry/client/naming.ts";
import { renewIntervalMs } from "../../../src/registry/client/registration-loop.ts";
import type { Directory } from "../../../src/registry/directory.ts";
import { appKey, type Identity, type Instance, instanceKey, Status } from "../../../src/registry/instance.ts";
import { ManualTimers } from "../../support/manual-timers.ts";

/** The smallest registry that keeps the two contracts. */
class TinyRegistry implements Directory, LocalRegistrar {
  isReadable = true;
  version = 0;
  refusal: Error | undefined;
  registrations = 0;
  renewals = 0;
  private readonly table = new Map<string, Instance>();
  private readonly watchers = new Map<string, Set<() => void>>();

  get watching(): number {
    return this.watchers.values().reduce((sum, watchers) => sum + watchers.size, 0);
  }

  instances(env: string, appid: string, mask: number): Instance[] {
    return [...this.table.values()].filter(
      (one) => one.env === env && one.appid === appid && (one.status & mask) !== 0,
    );
  }

  instancesNamed(env: string, hostname: string): Instance[] {
    return [...this.table.values()].filter((one) => one.env === env && one.hostname === hostname);
  }

  knows(env: string, appid: string): boolean {
    return this.instances(env, appid, Status.Any).length > 0;
  }

  watch(env: string, appid: string, onChange: () => void): () => void {
    const key = appKey(env, appid);
    const watchers = this.watchers.get(key) ?? new Set();
    this.watchers.set(key, watchers.add(onChange));
    return () => void watchers.delete(onChange);
  }

  register(instance: LocalInstance): void {
    if (this.refusal !== undefined) throw this.refusal;
    this.registrations++;
    const timestamps = { regTimestamp: 1n, upTimestamp: 1n, dirtyTimestamp: 1n, latestTimestamp: 1n };
    this.table.set(instanceKey(instance), { ...instance, ...timestamps });
    this.changed(instance);
  }

  renew(identity: Identity): boolean {
    this.renewals++;
    return this.table.has(instanceKey(identity));
  }

  cancel(identity: Identity): void {
    if (this.table.delete(instanceKey(identity))) this.changed(identity);
  }

  private changed({ env, appid }: Identity): void {
    this.version++;
    for (const watcher of this.watchers.get(appKey(env, appid)) ?? []) watcher();
  }
}

function setUp(): { naming: InProcessNaming; registry: TinyRegistry; timers: ManualTimers } {
  const registry = new TinyRegistry();
  const timers = new ManualTimers();
  const naming = new InProcessNaming({
    directory: registry,
    registrar: registry,
    env: "test",
    zone: "z1",
    region: "r",
    log: silentLog,
    after: timers.after,
  });
  return { naming, registry, timers };
}

function told(naming: InProcessNaming): string[][] {
  const lists: string[][] = [];
  naming.subscribe("chat", (instances) => lists.push(instances.map(({ hostname }) => hostname)));
  return lists;
}

const turn = (): Promise<void> => Bun.sleep(0);
const chat = (id: string): Registration => ({
  service: "chat",
  id,
  addrs: ["tcp://a:1"],
  version: "1",
  status: Status.Up,
  metadata: new Map(),
});

describe("a subscription", () => {
  test("gets the list in a later turn, then every other list, several changes as one", async () => {
    const { naming } = setUp();
    const lists = told(naming);
    await turn();
    expect(lists).toEqual([]);
    const [one] = await Promise.all([naming.register(chat("a")), naming.register(chat("b"))]);
    await turn();
    await one.update({ metadata: new Map() });
    await turn();
    await one.update({ status: Status.Waiting });
    await turn();
    await naming.register(chat("c"));
    await turn();
    expect(lists).toEqual([["a", "b"], ["b"], ["b", "c"]]);
  });

  test("gets an empty list when the last instance is gone", async () => {
    const { naming } = setUp();
    const registered = await naming.register(chat("a"));
    const lists = told(naming);
    await turn();
    await registered.deregister();
    await turn();
    expect(lists).toEqual([["a"], []]);
    naming.unsubscribe("chat");
    await naming.register(chat("b"));
    await turn();
    expect(lists.length).toBe(2);
  });

  test("waits until the registry can be read", async () => {
    const { naming, registry, timers } = setUp();
    registry.isReadable = false;
    await naming.register(chat("a"));
    const lists = told(naming);
    await turn();
    timers.advance(readableCheckMs);
    await turn();
    await expect(naming.find("chat")).rejects.toThrow("does not know yet");
    expect(lists).toEqual([]);
    registry.isReadable = true;
    timers.advance(readableCheckMs);
    await turn();
    expect(lists).toEqual([["a"]]);
    registry.isReadable = false;
    expect((await naming.find("chat")).length).toBe(1);
    await expect(naming.findNow("chat")).rejects.toThrow("does not know yet");
  });
});

describe("a subscriber", () => {
  test("is never called from inside subscribe, nor after it unsubscribed in the same turn", async () => {
    const { naming } = setUp();
    const registered = await naming.register(chat("a"));
    const lists = told(naming);
    expect(lists).toEqual([]);
    naming.unsubscribe("chat");
    await turn();
    expect(lists).toEqual([]);
    const later = told(naming);
    await turn();
    expect(later).toEqual([["a"]]);
    const ended = registered.deregister();
    naming.unsubscribe("chat");
    await ended;
    await turn();
    expect(later).toEqual([["a"]]);
  });

  test("gets a change between its subscription and its first list only once", async () => {
    const { naming } = setUp();
    await naming.register(chat("a"));
    const lists = told(naming);
    await naming.register(chat("b"));
    await turn();
    expect(lists).toEqual([["a", "b"]]);
  });

  test("may unsubscribe, and subscribe to another service, while it is called", async () => {
    const { naming, registry } = setUp();
    await naming.register(chat("a"));
    await naming.register({ ...chat("l"), service: "login" });
    const services: string[] = [];
    naming.subscribe("chat", () => {
      services.push("chat");
      naming.unsubscribe("chat");
      naming.subscribe("login", () => services.push("login"));
    });
    await turn();
    await naming.register(chat("b"));
    await turn();
    expect(services).toEqual(["chat", "login"]);
    expect(registry.watching).toBe(1);
  });

  test("is not told when an instance registers again as it was", async () => {
    const { naming, registry } = setUp();
    await naming.register(chat("a"));
    const lists = told(naming);
    await turn();
    const [instance] = await naming.find("chat");
    if (instance !== undefined) registry.register(instance);
    await turn();
    expect([registry.registrations, lists.length]).toEqual([2, 1]);
  });

  test("keeps its list while the registry cannot be read, and learns afterwards what it missed", async () => {
    const { naming, registry, timers } = setUp();
    const registered = await naming.register(chat("a"));
    const lists = told(naming);
    await turn();
    registry.isReadable = false;
    await registered.deregister();
    await naming.register(chat("b"));
    for (let round = 0; round < 10; round++) {
      timers.advance(readableCheckMs);
      await turn();
    }
    expect(lists).toEqual([["a"]]);
    expect((await naming.find("chat")).map(({ hostname }) => hostname)).toEqual(["a"]);
    registry.isReadable = true;
    timers.advance(readableCheckMs);
    await turn();
    expect(lists).toEqual([["a"], ["b"]]);
  });

  test("waits for a service that never was there, and is refused twice for one", async () => {
    const { naming } = setUp();
    const lists = told(naming);
    expect(() => told(naming)).toThrow("subscribed already");
    await turn();
    expect(lists).toEqual([]);
    expect(await naming.find("chat")).toEqual([]);
    await naming.register({ ...chat("w"), status: Status.Waiting });
    await turn();
    expect(lists).toEqual([[]]);
  });

  test("sees nothing of another env", async () => {
    const { naming, registry } = setUp();
    const lists = told(naming);
    registry.register({ ...chat("a"), env: "other", appid: "chat", zone: "z1", hostname: "a", region: "r" });
    await turn();
    expect(lists).toEqual([]);
    expect(await naming.find("chat")).toEqual([]);
  });
});

describe("a registration", () => {
  test("is renewed no more once it is ended, while another one is", async () => {
    const { naming, registry, timers } = setUp();
    const one = await naming.register(chat("a"));
    await naming.register(chat("b"));
    await one.deregister();
    timers.advance(3 * renewIntervalMs);
    expect([registry.renewals, registry.registrations]).toEqual([3, 2]);
    await naming.register(chat("a"));
    expect((await naming.find("chat")).map(({ hostname }) => hostname).toSorted()).toEqual(["a", "b"]);
  });

  test("says its last word when the registry has forgotten it", async () => {
    const { naming, registry, timers } = setUp();
    const registered = await naming.register(chat("a"));
    await registered.update({ metadata: new Map([["state", "adult"]]) });
    const [instance] = await naming.find("chat");
    if (instance !== undefined) registry.cancel(instance);
    timers.advance(renewIntervalMs);
    expect((await naming.find("chat"))[0]?.metadata).toEqual(new Map([["state", "adult"]]));
  });

  test("carries the client's place, is renewed, and made again when it was forgotten", async () => {
    const { naming, registry, timers } = setUp();
    await naming.register(chat("a"));
    const [instance] = await naming.find("chat");
    expect(instance).toMatchObject({ env: "test", zone: "z1", region: "r", appid: "chat", hostname: "a" });
    timers.advance(2 * renewIntervalMs);
    expect([registry.renewals, registry.registrations]).toEqual([2, 1]);
    if (instance !== undefined) registry.cancel(instance);
    registry.refusal = new Error("full");
    timers.advance(renewIntervalMs);
    expect(registry.registrations).toBe(1);
    registry.refusal = undefined;
    timers.advance(renewIntervalMs);
    expect(registry.registrations).toBe(2);
  });

  test("rejects when it is refused; an update that is refused leaves what was", async () => {
    const { naming, registry } = setUp();
    registry.refusal = new Error("no such thing");
    await expect(naming.register(chat("a"))).rejects.toThrow("no such thing");
    registry.refusal = undefined;
    const registered = await naming.register(chat("a"));
    await expect(naming.register(chat("a"))).rejects.toThrow("already");
    registry.refusal = new Error("not now");
    await expect(registered.update({ status: Status.Waiting })).rejects.toThrow("not now");
    expect((await naming.find("chat")).length).toBe(1);
    await registered.deregister();
    await registered.deregister();
    await expect(registered.update({})).rejects.toThrow("deregistered");
  });
});

test("closing while the registry cannot be read leaves no timer behind", async () => {
  const { naming, registry, timers } = setUp();
  registry.isReadable = false;
  told(naming);
  await turn();
  expect(timers.pending).toBe(1);
  await naming.close();
  await naming.close();
  expect([registry.watching, timers.pending]).toEqual([0, 0]);
});

test("closing takes everything out and leaves nothing behind", async () => {
  const { naming, registry, timers } = setUp();
  await naming.register(chat("a"));
  const lists = told(naming);
  await naming.close();
  await turn();
  expect(lists).toEqual([]);
  expect(registry.knows("test", "chat")).toBe(false);
  expect([registry.watching, timers.pending]).toEqual([0, 0]);
  await expect(naming.find("chat")).rejects.toThrow("closed");
  await expect(naming.register(chat("a"))).rejects.toThrow("closed");
  expect(() => told(naming)).toThrow("closed");
});

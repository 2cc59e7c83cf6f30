// The table: merging is idempotent and order does not matter; what was cancelled stays so; everything has a bound.

import { limitTable } from "../../src/base/limits/table.ts";
import { beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { emptyServicesMax, leaseMs, tombstoneMs } from "../../src/base/limits/fixed.ts";
import { leasesOf } from "../../src/registry/table/leases.ts";
import { Digest } from "../../src/registry/table/digest.ts";
import type { EntryState } from "../../src/registry/table/entry.ts";
import { discoveryAppid, Status } from "../../src/registry/instance.ts";
import { weightOfInstance } from "../../src/registry/names.ts";
import { testSeed } from "../support/random.ts";
import { beginNs, cancelled, contentOf, identityOf, living, nanoseconds, TableOverTime } from "./support.ts";

const protectedLeaseMs = limitTable.protectedLease.initial;

let world: TableOverTime;
beforeEach(() => {
  world = new TableOverTime();
});

const one = beginNs + 1024n;
const two = beginNs + 2048n;
const three = beginNs + 3072n;

describe("merging", () => {
  /** Few identities, few versions and few values, so that states meet and tie. */
  const state: fc.Arbitrary<EntryState> = fc
    .record({
      hostname: fc.constantFrom("a", "b", "c"),
      appid: fc.constantFrom("chat", "login"),
      step: fc.bigInt(1n, 4n),
      version: fc.constantFrom("1", "2"),
      status: fc.constantFrom(Status.Up, Status.Waiting),
      isCancelled: fc.boolean(),
      ageMs: fc.nat(80_000),
    })
    .map(({ hostname, appid, step, version, status, isCancelled, ageMs }) =>
      isCancelled
        ? cancelled(beginNs + step * 1024n, { appid, hostname }, ageMs)
        : living(beginNs + step * 1024n, { appid, hostname, version, status }, ageMs),
    );

  /** Some states, and the same ones in another order, some of them twice. */
  const twice = fc
    .array(state, { maxLength: 20 })
    .chain((states) => fc.tuple(fc.constant(states), fc.subarray(states)))
    .chain(([states, again]) => {
      const all = [...states, ...again];
      return fc.tuple(fc.constant(states), fc.shuffledSubarray(all, { minLength: all.length }));
    });

  test("its counts are what is in it, whatever comes and goes", () => {
    const change = fc.oneof(
      state.map((each) => ({ each, isEvicted: false })),
      state.map((each) => ({ each, isEvicted: true })),
    );
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
        const { table } = new TableOverTime();
        for (const { each, isEvicted } of changes) {
          const appid = each.identity.hostname === "c" ? discoveryAppid : each.identity.appid;
          const { instance } = each;
          const identity = { ...each.identity, appid };
          table.merge({ ...each, identity, instance: instance === undefined ? undefined : { ...instance, appid } });
          const entry = table.get(identity);
          if (isEvicted && entry !== undefined) table.evict(entry);
        }
        const all = [...table.all()];
        const alive = all.flatMap(({ instance }) => instance ?? []);
        expect([table.live, table.tombstones, table.nodes, table.apps.listedCount, table.bytes]).toEqual([
          alive.length,
          all.length - alive.length,
          alive.filter(({ appid }) => appid === discoveryAppid).length,
          new Set(alive.map(({ appid }) => appid)).size,
          alive.reduce((sum, instance) => sum + weightOfInstance(instance), 0),
        ]);
      }),
      { seed: testSeed("table's counts") },
    );
  });

  test("any permutation and duplication of states gives one table and one digest", () => {
    fc.assert(
      fc.property(twice, ([states, shuffled]) => {
        const [first, second] = [new TableOverTime(), new TableOverTime()];
        for (const each of states) first.table.merge(each);
        for (const each of shuffled) second.table.merge(each);
        expect(contentOf(second.table)).toEqual(contentOf(first.table));
        expect(second.table.digest.text()).toBe(first.table.digest.text());
        expect([second.table.live, second.table.tombstones]).toEqual([first.table.live, first.table.tombstones]);
      }),
      { seed: testSeed("table"), numRuns: 500 },
    );
  });

  test("counts and lists agree with what is in the table", () => {
    fc.assert(
      fc.property(fc.array(state, { maxLength: 40 }), (states) => {
        const { table } = new TableOverTime();
        for (const each of states) table.merge(each);
        const all = [...table.all()];
        const alive = all.filter(({ instance }) => instance !== undefined);
        expect(table.live).toBe(alive.length);
        expect(table.tombstones).toBe(all.length - alive.length);
        expect(new Set([...table.apps.listed()].flatMap((app) => [...app.entries()]))).toEqual(new Set(alive));
        const named = ["A", "b", "c"].flatMap((hostname) => [...table.names.named("prod", hostname)]);
        expect(new Set(named)).toEqual(new Set(alive));
        for (const entry of all) table.evict(entry);
        expect([table.live, table.digest.text()]).toEqual([0, new TableOverTime().table.digest.text()]);
      }),
      { seed: testSeed("table's lists") },
    );
  });

  test("the digest is that of what others are sent, whatever happens to the table", () => {
    const action = fc.record({
      kind: fc.constantFrom("merge", "merge", "restore", "touch", "evict", "forget", "drop stale"),
      state,
      passMs: fc.nat(60_000),
    });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
        const { table, time, clock } = new TableOverTime();
        for (const { kind, state: each, passMs } of actions) {
          time.advance(passMs);
          const known = table.get(each.identity);
          if (kind === "merge") table.merge(each);
          else if (kind === "restore") table.restore(each);
          else if (kind === "touch" && known?.instance !== undefined) table.touch(known, clock.monotonicMs());
          else if (kind === "evict" && known !== undefined) table.evict(known);
          else if (kind === "forget") table.forget(clock.monotonicMs() + tombstoneMs - 60_000);
          else if (kind === "drop stale") table.dropStale();
        }
        const digest = new Digest();
        for (const { bucket, hash, isStale } of table.all()) if (!isStale) digest.toggle(bucket, hash);
        expect(table.digest.text()).toBe(digest.text());
        expect(table.live).toBe([...table.all()].filter(({ instance }) => instance !== undefined).length);
      }),
      { seed: testSeed("table's digest"), numRuns: 300 },
    );
  });

  test("says what became of a state", () => {
    const { table } = world;
    expect(table.merge(living(two, {}, 10_000))).toBe("newer");
    expect(table.merge(living(two, {}, 10_000))).toBe("same");
    expect(table.merge(living(two, {}, 5_000))).toBe("renewed");
    expect(table.merge(living(one))).toBe("older");
    expect(table.merge(cancelled(one))).toBe("older");
    expect(table.merge(cancelled(two))).toBe("newer");
    expect(table.merge(living(two))).toBe("older");
    expect(table.merge(living(three))).toBe("newer");
  });

  test("a lease is as long as its latest renewal says, in whatever version that came", () => {
    const { table, time } = world;
    time.advance(100_000);
    table.merge(living(two, {}, 60_000));
    table.merge(living(one, {}, 20_000));
    table.merge(living(three, {}, 40_000));
    expect(table.get(identityOf())?.touchedAtMs).toBe(80_000);
    expect(leasesOf(table.all(), 80_000 + leaseMs).overdue).toEqual([]);
    expect(leasesOf(table.all(), 80_001 + leaseMs).overdue).toHaveLength(1);
  });

  test("an instance whose lease is about to end is not taken for new, unless a node is restoring", () => {
    const { table } = world;
    expect(table.merge(living(one, { hostname: "a" }, leaseMs - 5_000))).toBe("refused");
    expect(table.merge(living(one, { hostname: "a" }, leaseMs - 5_001))).toBe("newer");
    expect(table.merge(living(one, { hostname: "b" }, protectedLeaseMs - 1), true)).toBe("newer");
    expect(table.merge(living(one, { hostname: "c" }, protectedLeaseMs), true)).toBe("refused");
  });

  test("versions in the far future are refused, known or not", () => {
    const { table } = world;
    // Clocks of nodes may be 15 minutes apart, and a client's timestamp may be ahead by as much again.
    const farthest = beginNs + 2n * nanoseconds(limitTable.timestampAhead.initial);
    expect(table.merge(living(farthest + 1n))).toBe("refused");
    expect(table.get(identityOf())).toBeUndefined();
    expect(table.merge(living(one))).toBe("newer");
    expect(table.merge(cancelled(farthest + 1n))).toBe("refused");
    expect(table.get(identityOf())?.dirty).toBe(one);
    expect(table.merge(cancelled(farthest))).toBe("newer");
  });
});

describe("tombstones", () => {
  test("outlive protected leases: nothing brings a cancelled instance back", () => {
    const { table, time, clock } = world;
    table.merge(living(one));
    table.merge(cancelled(two));
    const stepMs = 60_000;
    for (let passedMs = 0; passedMs <= protectedLeaseMs; passedMs += stepMs) {
      expect(table.merge(living(one, {}, passedMs))).toBe("older");
      expect(table.merge(living(one, {}, passedMs), true)).toBe("older");
      time.advance(stepMs);
      table.forget(clock.monotonicMs());
    }
    expect(table.live).toBe(0);
    expect(table.tombstones).toBe(1);
  });

  test("are forgotten after two hours, and not sooner", () => {
    const { table, time, clock } = world;
    table.merge(cancelled(one, {}, 1_000));
    time.advance(tombstoneMs - 1_000);
    table.forget(clock.monotonicMs());
    expect(table.tombstones).toBe(1);
    time.advance(1);
    table.forget(clock.monotonicMs());
    expect(table.tombstones).toBe(0);
    expect(table.digest.text()).toBe(new TableOverTime().table.digest.text());
  });

  test("are taken from another node up to that age, not beyond", () => {
    const { table } = world;
    expect(table.merge(cancelled(one, {}, tombstoneMs))).toBe("refused");
    expect(table.merge(cancelled(one, {}, tombstoneMs - 1))).toBe("newer");
  });

  test("yield to a later registration, with a lease of its own", () => {
    const { table, time } = world;
    table.merge(living(one));
    table.merge(cancelled(two));
    time.advance(10_000);
    expect(table.merge(living(three, {}, 4_000))).toBe("newer");
    expect([table.live, table.tombstones]).toEqual([1, 0]);
    expect(table.get(identityOf())?.touchedAtMs).toBe(6_000);
  });

  test("do not yield to a later registration whose lease is about to end", () => {
    const { table } = world;
    table.merge(cancelled(one));
    expect(table.merge(living(two, {}, leaseMs - 5_000))).toBe("refused");
    expect([table.live, table.tombstones]).toEqual([0, 1]);
  });
});

describe("bounds", () => {
  const shop = (hostname: string, dirty = one): EntryState => living(dirty, { appid: "shop", hostname });

  test("a full table takes no new instance, still takes changes, and has room after a cancellation", () => {
    const { table } = new TableOverTime({ instances: 3 });
    for (const hostname of ["i0", "i1", "i2"]) expect(table.merge(shop(hostname))).toBe("newer");
    expect(table.merge(shop("one more"))).toBe("refused");
    expect(table.merge(shop("i0", two))).toBe("newer");
    expect(table.merge(cancelled(two, { appid: "shop", hostname: "i1" }))).toBe("newer");
    expect(table.merge(shop("one more"))).toBe("newer");
    expect(table.live).toBe(3);
  });

  test("a full table does not take back what was cancelled, either", () => {
    const { table } = new TableOverTime({ instances: 3 });
    table.merge(cancelled(one, { appid: "shop", hostname: "one more" }));
    for (const hostname of ["i0", "i1", "i2"]) table.merge(shop(hostname));
    expect(table.merge(shop("one more", two))).toBe("refused");
    expect(table.live).toBe(3);
  });

  test("of more tombstones than there may be the oldest are forgotten", () => {
    const { table, clock } = new TableOverTime({ tombstones: 10 });
    for (let index = 0; index < 13; index++) table.merge(cancelled(one, { hostname: `i${index}` }));
    table.forget(clock.monotonicMs());
    expect(table.tombstones).toBe(10);
    const isHeld = [0, 2, 3, 12].map((at) => table.get(identityOf({ hostname: `i${at}` })) !== undefined);
    expect(isHeld).toEqual([false, false, true, true]);
  });

  test("counts what each address registered, until it is gone", () => {
    const { table } = world;
    table.merge(living(one, { hostname: "a" }));
    table.merge(living(one, { hostname: "b" }));
    for (const entry of table.all()) table.attribute(entry, "192.0.2.1");
    expect(table.callers.of("192.0.2.1")).toBe(2);
    const a = table.get(identityOf({ hostname: "a" }));
    if (a === undefined) throw new Error("a was merged");
    table.attribute(a, "192.0.2.2");
    expect([table.callers.of("192.0.2.1"), table.callers.of("192.0.2.2")]).toEqual([1, 1]);
    table.merge(cancelled(two, { hostname: "b" }));
    table.evict(a);
    expect([table.callers.of("192.0.2.1"), table.callers.of("192.0.2.2")]).toEqual([0, 0]);
  });
});

describe("what readers see", () => {
  test("a service's latest version grows with every visible change, and with none other", () => {
    const { table } = world;
    const seen: bigint[] = [];
    const changes: readonly (() => void)[] = [
      () => table.merge(living(one, { hostname: "a" })),
      () => table.merge(living(one, { hostname: "b" })),
      () => table.merge(living(two, { hostname: "a", version: "2" })),
      () => table.merge(cancelled(three, { hostname: "a" })),
      () => table.evict([...(table.app("prod", "chat")?.entries() ?? [])][0] ?? unexpected()),
    ];
    for (const change of changes) {
      change();
      seen.push(table.app("prod", "chat")?.latest ?? 0n);
      table.merge(living(one, { hostname: "a" }));
      expect(table.app("prod", "chat")?.latest).toBe(seen.at(-1) ?? 0n);
      expect(table.version).toBe(seen.length);
    }
    expect(seen).toEqual([...new Set(seen)].toSorted((less, more) => (less < more ? -1 : 1)));
    expect(world.changes).toEqual(changes.map(() => "prod\nchat"));
  });

  test("a service that lost its last instance is remembered, and not listed", () => {
    const { table, time, clock } = world;
    table.merge(living(one));
    const before = table.app("prod", "chat")?.latest ?? 0n;
    table.merge(cancelled(two));
    expect([...table.apps.listed()]).toEqual([]);
    expect(table.app("prod", "chat")?.latest).toBeGreaterThan(before);
    time.advance(tombstoneMs);
    table.forget(clock.monotonicMs());
    expect(table.app("prod", "chat")).toBeDefined();
    time.advance(1);
    table.forget(clock.monotonicMs());
    expect(table.app("prod", "chat")).toBeUndefined();
  });

  test("no more than emptyServicesMax such services are remembered, the latest", () => {
    const { table, clock } = world;
    for (let index = 0; index < emptyServicesMax + 2; index++) {
      table.merge(living(one, { appid: `service${index}` }));
      table.merge(cancelled(two, { appid: `service${index}` }));
    }
    table.merge(living(one, { appid: "living" }));
    table.forget(clock.monotonicMs());
    const isKnown = ["service0", "service1", "service2", `service${emptyServicesMax + 1}`, "living"].map(
      (appid) => table.app("prod", appid) !== undefined,
    );
    expect(isKnown).toEqual([false, false, true, true, true]);
  });

  test("one name in two envs is two services; the registry's own nodes are one in all", () => {
    const { table } = world;
    for (const env of ["prod", "test"]) {
      table.merge(living(one, { env }));
      table.merge(living(one, { env, appid: "infra.discovery", hostname: `node of ${env}` }));
    }
    expect([...(table.app("prod", "chat")?.entries() ?? [])]).toHaveLength(1);
    expect([...(table.app("any", "infra.discovery")?.entries() ?? [])]).toHaveLength(2);
  });
});

describe("a snapshot", () => {
  test("is shown, and sent to no peer until it is confirmed", () => {
    const { table } = world;
    const nothing = table.digest.text();
    table.restore(living(one, {}, 80_000));
    const entry = table.get(identityOf());
    expect(entry?.isStale).toBe(true);
    expect(table.live).toBe(1);
    expect(table.digest.text()).toBe(nothing);
    table.merge(living(one, {}, 80_000));
    expect(entry?.isStale).toBe(false);
    expect(table.digest.text()).not.toBe(nothing);
    // Whoever confirms it knows when it was renewed.
    expect(entry?.touchedAtMs).toBe(-80_000);
  });

  test("gives way to a newer version with the lease of that version", () => {
    const { table, time } = world;
    table.restore(living(one));
    time.advance(10_000);
    table.merge(living(two, {}, 80_000));
    expect(table.get(identityOf())?.touchedAtMs).toBe(-70_000);
  });

  test("is not forgotten because another node has only heard of an earlier cancellation", () => {
    const { table, time } = world;
    table.restore(living(two));
    time.advance(10_000);
    expect(table.merge(cancelled(one))).toBe("older");
    expect(leasesOf(table.all(), 10_000).overdue).toEqual([]);
  });

  test("is dropped when nobody confirms it, save what was cancelled", () => {
    const { table } = world;
    table.restore(living(one, { hostname: "a" }));
    table.restore(living(one, { hostname: "b" }));
    table.restore(cancelled(one, { hostname: "c" }));
    table.merge(living(two, { hostname: "b" }));
    table.dropStale();
    expect([...table.all()].map(({ identity }) => identity.hostname)).toEqual(["b", "c"]);
  });
});

function unexpected(): never {
  throw new Error("there should be an instance");
}

// Registering, renewing and cancelling: what each means, what it is refused for, and whom it is passed on to.

import { limitTable } from "../../src/base/limits/table.ts";
import { beforeEach, describe, expect, test } from "bun:test";
import type { EntryState } from "../../src/registry/table/entry.ts";
import { Status } from "../../src/registry/instance.ts";
import type { Replicated } from "../../src/registry/replication/peer-messages.ts";
import { Code } from "../../src/registry/codes.ts";
import type { Caller, Outcome, Register } from "../../src/registry/node/registrar.ts";
import { farAhead, farAway, neighbour, Office } from "./office.ts";
import { beginNs, cancelled, identityOf, nanoseconds, nodeInfo } from "./support.ts";

let office: Office;
beforeEach(() => {
  office = new Office();
});

describe("register", () => {
  test("lists an instance with the timestamps of now", () => {
    expect(office.register()).toEqual({ code: Code.Ok });
    const { regTimestamp, upTimestamp, dirtyTimestamp, latestTimestamp } = office.instance();
    expect([regTimestamp, upTimestamp, dirtyTimestamp, latestTimestamp]).toEqual([beginNs, beginNs, beginNs, beginNs]);
    expect(office.entry().renewTimestamp).toBe(beginNs);
    expect(office.entry().dirty).toBe(beginNs);
    expect(office.changes).toEqual(["prod\nchat"]);
  });

  test("replaces a known one as a whole; since when it is up stays", () => {
    office.register({ metadata: new Map([["a", "1"]]), version: "1" });
    const { latest } = office;
    office.time.advance(1_000);
    office.register({ metadata: new Map([["b", "2"]]), version: "2", status: Status.Waiting });
    const { metadata, version, status, upTimestamp, dirtyTimestamp, regTimestamp } = office.instance();
    expect([[...metadata], version, status]).toEqual([[["b", "2"]], "2", Status.Waiting]);
    expect(upTimestamp).toBe(beginNs);
    expect(dirtyTimestamp).toBeGreaterThanOrEqual(beginNs + nanoseconds(1_000));
    expect(regTimestamp).toBe(dirtyTimestamp);
    expect(office.latest).toBeGreaterThan(latest);
  });

  test("over a newer version changes nothing that a reader sees, and is no error", () => {
    office.register({ dirtyTimestamp: beginNs + 4096n, version: "new" });
    const before = office.instance();
    const { latest } = office;
    office.changes.length = 0;
    expect(office.register({ dirtyTimestamp: beginNs + 1024n, version: "old" })).toEqual({ code: Code.Ok });
    expect(office.instance()).toBe(before);
    expect(office.latest).toBe(latest);
    expect(office.changes).toEqual([]);
  });

  test("by a client without a version counts now, even where the known version is ahead of the clock", () => {
    office.register({ dirtyTimestamp: beginNs + farAhead, version: "ahead" });
    office.register({ version: "now" });
    expect(office.instance().version).toBe("now");
    expect(office.entry().dirty).toBeGreaterThan(beginNs + farAhead);
  });

  test("takes version and time of registration from another node", () => {
    office.register({ dirtyTimestamp: beginNs - 5n, regTimestamp: beginNs - 7n }, { origin: "replica" });
    expect(office.entry().dirty).toBe(beginNs - 5n);
    expect(office.instance().regTimestamp).toBe(beginNs - 7n);
  });

  test("by a node whose clock is slow brings back what was cancelled long ago, and not what was just now", () => {
    office.register();
    const { dirty } = office.entry();
    office.cancel();
    const late = { dirtyTimestamp: dirty, regTimestamp: dirty };
    office.time.advance(30_000);
    office.register(late, { origin: "replica" });
    expect(office.entry().instance).toBeUndefined();
    office.time.advance(31_000);
    office.register(late, { origin: "replica" });
    expect(office.instance().dirtyTimestamp).toBeGreaterThan(dirty);
  });

  test("at a node whose clock is known to be behind counts by the corrected time", () => {
    office.network.lag = nanoseconds(2_000);
    office.register({ version: "known" });
    const { dirty } = office.entry();
    const registered = (behindMs: number, odd = 1n): string => {
      office.register(
        { version: "theirs", dirtyTimestamp: dirty - nanoseconds(behindMs) + odd },
        { origin: "replica" },
      );
      return office.instance().version;
    };
    expect(registered(2_001)).toBe("known");
    // A version of one of ours, which that node has passed on.
    expect(registered(1_024, 0n)).toBe("known");
    expect(registered(2_000)).toBe("theirs");
    expect(office.entry().dirty).toBe(dirty + 1024n);
    // It has an older version.
    expect(office.told()).toEqual([neighbour, farAway]);
  });

  test("after a cancellation at a node whose clock is behind lives, unless it is what was cancelled or older", () => {
    office.network.lag = nanoseconds(2_000);
    const known = beginNs - nanoseconds(1_000) + 1n;
    office.register({ dirtyTimestamp: known }, { origin: "replica" });
    office.cancel();
    const { dirty } = office.entry();
    for (const dirtyTimestamp of [known, dirty - nanoseconds(2_000), dirty - nanoseconds(1_024)]) {
      office.register({ dirtyTimestamp }, { origin: "replica" });
      expect(office.entry().instance).toBeUndefined();
    }
    office.register({ dirtyTimestamp: known + 2n }, { origin: "replica" });
    expect(office.entry().dirty).toBe(dirty + 1024n);
    expect(office.table.live).toBe(1);
  });

  test("within a millisecond of a cancellation lives if nobody had heard of it, however clocks agree", () => {
    office.register();
    const { dirty: known } = office.entry();
    office.time.advance(1);
    office.cancel();
    const { dirty } = office.entry();
    const isBack = (dirtyTimestamp: bigint): boolean => {
      office.register({ dirtyTimestamp }, { origin: "replica" });
      return office.entry().instance !== undefined;
    };
    expect(isBack(known - 1n)).toBe(false);
    expect(isBack(dirty - 1_000_001n)).toBe(false);
    expect(isBack(dirty - 500_001n)).toBe(true);
  });

  test("over another caller's instance counts for the new caller, within its quota", () => {
    for (let count = 0; count < limitTable.instancesPerAddress.initial; count++)
      office.register({ hostname: `one-${count}` }, { address: "10.9.0.1" });
    office.register({ hostname: "other" }, { address: "10.9.0.2" });
    expect(office.register({ hostname: "other" }, { address: "10.9.0.1" }).code).toBe(Code.LimitExceeded);
    expect(office.register({ hostname: "one-0" }, { address: "10.9.0.1" }).code).toBe(Code.Ok);
  });

  test("fifteen minutes ahead are taken, more is refused and changes nothing", () => {
    const outcome = office.register({ dirtyTimestamp: beginNs + farAhead + 1n });
    expect(outcome.code).toBe(Code.BadRequest);
    expect(outcome.message).toStartWith("dirty_timestamp is more than 15 minutes ahead");
    expect(office.table.live).toBe(0);
    expect(office.register({ dirtyTimestamp: beginNs + farAhead })).toEqual({ code: Code.Ok });
  });

  test("brings back what was cancelled, also where the clock has not moved", () => {
    office.register();
    office.cancel();
    expect(office.register().code).toBe(Code.Ok);
    expect(office.table.live).toBe(1);
  });

  test("tells its own zone and one node of each other zone; what came from a node goes no further", () => {
    office.register();
    expect(office.told()).toEqual([neighbour, farAway]);
    office.settle();
    office = new Office();
    office.register({}, { origin: "other-zone" });
    expect(office.told()).toEqual([neighbour]);
    office = new Office();
    office.register({}, { origin: "replica" });
    expect(office.told()).toEqual([]);
  });

  test("hands over what is to be probed only if a trusted caller asks for it", () => {
    const metadata = new Map([["health_url", "http://10.0.0.1:8100/health"]]);
    office.register({ hostname: "a", metadata });
    office.register({ hostname: "b", metadata }, { isTrusted: true });
    office.register({ hostname: "c" }, { isTrusted: true });
    expect(office.probed.map(({ identity }) => identity.hostname)).toEqual(["b"]);
    expect(office.entry({ hostname: "a" }).isProbed).toBe(false);
  });
});

describe("quotas", () => {
  const caller: Partial<Caller> = { address: "192.0.2.1" };

  test("the instances of one address are limited; other addresses are not affected", () => {
    for (let index = 0; index < limitTable.instancesPerAddress.initial; index++) {
      const { code } = office.register({ hostname: `i${index}` }, caller);
      if (code !== Code.Ok) throw new Error(`instance ${index} was refused`);
    }
    const outcome = office.register({ hostname: "one more" }, caller);
    expect(outcome.code).toBe(Code.LimitExceeded);
    expect(outcome.message).toStartWith(`192.0.2.1 has registered ${limitTable.instancesPerAddress.initial} instances`);
    expect(office.table.live).toBe(limitTable.instancesPerAddress.initial);
    expect(office.register({ hostname: "i0", version: "2" }, caller).code).toBe(Code.Ok);
    expect(office.register({ hostname: "other" }, { address: "192.0.2.2" }).code).toBe(Code.Ok);
    expect(office.register({ hostname: "local" }).code).toBe(Code.Ok);
    office.cancel({ hostname: "i0" });
    expect(office.register({ hostname: "one more" }, caller).code).toBe(Code.Ok);
  });

  test("a full registry takes no new instance, and still renews and replaces those it has", () => {
    office = new Office({ instances: 3 });
    const shop = (hostname: string, change: Partial<Register> = {}): Outcome =>
      office.register({ appid: "shop", hostname, ...change });
    for (const hostname of ["i0", "i1", "i2"]) expect(shop(hostname).code).toBe(Code.Ok);
    const outcome = shop("one more");
    expect(outcome).toEqual({ code: Code.LimitExceeded, message: "the registry holds 3 instances; it is full" });
    expect(office.table.get(identityOf({ appid: "shop", hostname: "one more" }))).toBeUndefined();
    expect(shop("i0", { version: "2" }).code).toBe(Code.Ok);
    expect(office.renew({ appid: "shop", hostname: "i1" }).code).toBe(Code.Ok);
    office.cancel({ appid: "shop", hostname: "i2" });
    expect(shop("one more").code).toBe(Code.Ok);
  });
});

describe("renew", () => {
  test("extends the lease, answers with the instance, and changes nothing that a reader sees", () => {
    office.register();
    const { latest } = office;
    office.changes.length = 0;
    office.time.advance(20_000);
    expect(office.renew()).toEqual({ code: Code.Ok, entry: office.entry() });
    expect(office.entry().renewTimestamp).toBe(beginNs + nanoseconds(20_000));
    expect(office.entry().touchedAtMs).toBe(20_000);
    expect(office.entry().dirty).toBe(beginNs);
    expect(office.latest).toBe(latest);
    expect(office.changes).toEqual([]);
  });

  test("of what is unknown finds nothing, in any part of the identity", () => {
    office.register();
    for (const change of [{ env: "test" }, { appid: "login" }, { zone: "z2" }, { hostname: "chat-2" }])
      expect(office.renew(change)).toEqual({ code: Code.NotFound });
  });

  test("of what was cancelled finds nothing, and does not bring it back", () => {
    office.register();
    office.cancel();
    expect(office.renew().code).toBe(Code.NotFound);
    expect(office.renew({}, beginNs, "replica").code).toBe(Code.NotFound);
    expect(office.table.live).toBe(0);
  });

  test("by another node: the same version is right, a newer one not found, an older one a conflict", () => {
    office.register();
    office.time.advance(1_000);
    const entry = office.entry();
    expect(office.renew({}, beginNs, "replica")).toEqual({ code: Code.Ok, entry });
    expect(office.renew({}, beginNs + 1n, "replica")).toEqual({ code: Code.NotFound });
    expect(office.renew({}, beginNs - 1n, "replica")).toEqual({ code: Code.Conflict, entry });
    expect(office.renew({}, 0n, "replica")).toEqual({ code: Code.Conflict, entry });
    expect(entry.touchedAtMs).toBe(1_000);
  });

  test("by a client does not look at the version", () => {
    office.register();
    expect(office.renew({}, 1n).code).toBe(Code.Ok);
    expect(office.renew({}, beginNs + nanoseconds(1_000)).code).toBe(Code.Ok);
  });

  test("by a client is passed on, by another node of the zone it is not", () => {
    office.register();
    office.settle();
    office.renew();
    expect(office.told()).toEqual([neighbour, farAway]);
    office.settle();
    office.renew({}, beginNs, "replica");
    expect(office.told()).toEqual([]);
  });
});

describe("cancel", () => {
  test("takes an instance out, the last one of a service too, and wakes who watches", () => {
    office.register();
    const { latest } = office;
    office.changes.length = 0;
    expect(office.cancel()).toEqual({ code: Code.Ok });
    expect(office.table.live).toBe(0);
    expect(office.entry().instance).toBeUndefined();
    expect(office.latest).toBeGreaterThan(latest);
    expect(office.changes).toEqual(["prod\nchat"]);
  });

  test("of what is unknown or was cancelled finds nothing", () => {
    expect(office.cancel()).toEqual({ code: Code.NotFound });
    office.register();
    office.cancel();
    expect(office.cancel()).toEqual({ code: Code.NotFound });
  });

  test("by a client counts now, even where the known version is ahead of the clock", () => {
    office.register({ dirtyTimestamp: beginNs + farAhead });
    expect(office.cancel().code).toBe(Code.Ok);
    expect(office.table.live).toBe(0);
  });

  test("by a node that gives no version means what is seen here, and not what came after", () => {
    office.register({ dirtyTimestamp: beginNs });
    office.settle();
    office.cancel({}, 0n, "replica");
    expect(office.entry().dirty).toBe(beginNs + 1024n);
    office.register({ dirtyTimestamp: beginNs + 2048n }, { origin: "replica" });
    expect(office.table.live).toBe(1);
  });

  test("by a node without a version sends again what it has not yet received", () => {
    office.register();
    const { dirty } = office.entry();
    expect(office.cancel({}, 0n, "replica")).toEqual({ code: Code.Ok });
    expect(office.table.live).toBe(1);
    expect(office.entry().dirty).toBeGreaterThan(dirty + 1024n);
    expect(office.told()).toEqual([neighbour, farAway]);
    // What a node has told is no registration of this one's.
    office.register({ hostname: "b" }, { origin: "replica" });
    office.cancel({ hostname: "b" }, 0n, "replica");
    expect(office.entry({ hostname: "b" }).instance).toBeUndefined();
    // Nor is one that is under way for longer than any message takes.
    office.register({ hostname: "c" });
    office.time.advance(6_000);
    office.cancel({ hostname: "c" }, 0n, "replica");
    expect(office.entry({ hostname: "c" }).instance).toBeUndefined();
  });

  test("at a node whose clock is ahead takes nothing out that was registered here later", () => {
    const tell = (states: EntryState[], clock: bigint): Replicated =>
      office.replication.onReplicate({
        kind: "replicate",
        node: nodeInfo({ clock }),
        isSpread: false,
        states,
        renewals: [],
      });
    // The node was last heard of 20 s ago, cancelled a second ago, and tells of it when the instance is back.
    tell([], beginNs + nanoseconds(60_000));
    office.time.advance(19_000);
    const tombstone = cancelled(beginNs + nanoseconds(79_000));
    office.time.advance(1_000);
    office.register();
    expect(tell([tombstone], tombstone.dirty).newer).toMatchObject([{ identity: identityOf() }]);
    expect(office.table.live).toBe(1);
    // What it means after it has heard of the registration it means.
    tell([cancelled(office.entry().dirty + 1024n)], beginNs + nanoseconds(80_000));
    expect(office.table.live).toBe(0);
  });

  test("at a node whose clock is right counts by its time, also while the registration is on its way", () => {
    office.register();
    const { dirty } = office.entry();
    office.time.advance(2);
    const states = [cancelled(dirty + nanoseconds(1))];
    office.replication.onReplicate({ kind: "replicate", node: nodeInfo(), isSpread: false, states, renewals: [] });
    expect(office.entry().instance).toBeUndefined();
    // So it does of what no client has registered here, and of a clock that is absurd.
    office.register({ hostname: "b" }, { origin: "replica" });
    office.replication.learn([cancelled(dirty + nanoseconds(2_000), { hostname: "b" })]);
    expect(office.entry({ hostname: "b" }).instance).toBeUndefined();
    office.register({ hostname: "c" });
    office.replication.learn([cancelled(dirty + 3n * farAhead, { hostname: "c" })]);
    expect(office.instance({ hostname: "c" }).dirtyTimestamp).toBeLessThan(dirty + nanoseconds(1_000));
  });

  test("by a node, of an older version than the known one, changes nothing", () => {
    office.register({ dirtyTimestamp: beginNs + 2048n });
    expect(office.cancel({}, beginNs + 1024n, "replica").code).toBe(Code.Ok);
    expect(office.table.live).toBe(1);
  });

  test("more than fifteen minutes ahead is refused", () => {
    office.register();
    const outcome = office.cancel({}, beginNs + farAhead + 1n, "replica");
    expect(outcome.code).toBe(Code.BadRequest);
    expect(outcome.message).toStartWith("dirty_timestamp is more than 15 minutes ahead");
    expect(office.table.live).toBe(1);
  });

  test("is passed on like every write", () => {
    office.register();
    office.settle();
    office.cancel();
    expect(office.told()).toEqual([neighbour, farAway]);
  });
});

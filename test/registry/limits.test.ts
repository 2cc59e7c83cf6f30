// The limits of a registry's table, each at its value and one above.

import { expect } from "bun:test";
import { leaseMs } from "../../src/base/limits/fixed.ts";
import { silentLog } from "../../src/base/log.ts";
import { seededRandom } from "../../src/base/random.ts";
import { appKey, discoveryAppid, noMetadata, Status } from "../../src/registry/instance.ts";
import { Peers } from "../../src/registry/replication/peers.ts";
import { Code } from "../../src/registry/codes.ts";
import type { Register } from "../../src/registry/node/registrar.ts";
import { RegistryNode } from "../../src/registry/node/registry-node.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { bound } from "../support/bounds.ts";
import { testLimits } from "../support/limits.ts";
import { Office } from "./office.ts";
import { beginNs, cancelled, identityOf, living, ManualNetwork, nanoseconds } from "./support.ts";

const shop = (office: Office, hostname: string): Code => office.register({ appid: "shop", hostname }).code;

bound("instances", {
  at() {
    const office = new Office({ instances: 2 });
    expect([shop(office, "a"), shop(office, "b")]).toEqual([Code.Ok, Code.Ok]);
    expect(office.limits.reached.size).toBe(0);
  },
  above() {
    const office = new Office({ instances: 2 });
    for (const hostname of ["a", "b"]) shop(office, hostname);
    expect(shop(office, "c")).toBe(Code.LimitExceeded);
    expect(office.table.merge(living(beginNs, { appid: "shop", hostname: "c" }))).toBe("refused");
    expect(office.limits.reached.get("instances")).toBe(2);
  },
});

const ownServices = ["wgateway", "tgateway", "login", "chat", discoveryAppid];

bound("instancesReserved", {
  at() {
    for (const appid of ownServices) {
      const office = new Office({ instances: 1, instancesReserved: 2 });
      shop(office, "a");
      expect(office.register({ appid, hostname: "b" }).code).toBe(Code.Ok);
      expect(office.table.merge(living(beginNs, { appid, hostname: "c" }))).toBe("newer");
      // What is reserved is nobody else's.
      expect(shop(office, "d")).toBe(Code.LimitExceeded);
    }
  },
  above() {
    for (const appid of ownServices) {
      const office = new Office({ instances: 1, instancesReserved: 2 });
      for (const hostname of ["a", "b", "c"]) office.register({ appid, hostname });
      expect(office.register({ appid, hostname: "d" }).code).toBe(Code.LimitExceeded);
      expect(office.table.merge(living(beginNs, { appid, hostname: "d" }))).toBe("refused");
      expect(office.limits.reached.get("instancesReserved")).toBe(2);
    }
  },
});

/** An instance of about 2,000 bytes. */
const heavy = (office: Office, appid: string, hostname: string): Code =>
  office.register({ appid, hostname, metadata: new Map([["k", "v".repeat(1_590)]]) }).code;

bound("instancesBytes", {
  at() {
    const office = new Office({ instancesBytes: 65_536, instancesReserved: 1 });
    for (let count = 0; count < 32; count++) expect(heavy(office, "shop", `i${count}`)).toBe(Code.Ok);
    expect(office.table.bytes).toBeLessThanOrEqual(65_536);
    // What gets lighter or goes makes room, and the cluster's own services have more of it.
    expect(heavy(office, "login", "l")).toBe(Code.Ok);
    expect(shop(office, "i0")).toBe(Code.Ok);
    office.cancel({ appid: "login", hostname: "l" });
    for (let count = 1; count < 32; count++) office.cancel({ appid: "shop", hostname: `i${count}` });
    office.cancel({ appid: "shop", hostname: "i0" });
    expect([office.table.live, office.table.bytes]).toEqual([0, 0]);
  },
  above() {
    const office = new Office({ instancesBytes: 65_536, instancesReserved: 1 });
    for (let count = 0; count < 32; count++) heavy(office, "shop", `i${count}`);
    expect(heavy(office, "shop", "one more")).toBe(Code.LimitExceeded);
    const metadata = new Map([["k", "v".repeat(10_000)]]);
    expect(office.table.merge(living(beginNs + 1024n, { appid: "shop", hostname: "i0", metadata }))).toBe("refused");
    expect(office.register({ appid: "shop", hostname: "i0", metadata }).code).toBe(Code.LimitExceeded);
    heavy(office, "chat", "chat-1");
    expect(office.set([{ metadata: new Map([["other", "v".repeat(10_000)]]) }]).code).toBe(Code.LimitExceeded);
    expect(office.limits.reached.get("instancesBytes")).toBe(4);
  },
});

const caller = { address: "192.0.2.1" };

bound("instancesPerAddress", {
  at() {
    const office = new Office({ instancesPerAddress: 2 });
    for (const hostname of ["a", "b", "b"]) expect(office.register({ hostname }, caller).code).toBe(Code.Ok);
  },
  above() {
    const office = new Office({ instancesPerAddress: 2 });
    for (const hostname of ["a", "b"]) office.register({ hostname }, caller);
    const { code, message } = office.register({ hostname: "c" }, caller);
    expect(code).toBe(Code.LimitExceeded);
    expect(message).toBe("192.0.2.1 has registered 2 instances; it may not register more");
    expect(office.limits.reached.get("instancesPerAddress")).toBe(1);
    for (const address of ["192.0.2.2", ""])
      expect(office.register({ hostname: `of ${address}` }, { address }).code).toBe(Code.Ok);
  },
});

/** What becomes of a registration with that change, by a client and by another node. */
function outcomes(
  limits: ConstructorParameters<typeof Office>[0],
  change: Partial<Register>,
): { code: Code; message: string | undefined; merge: string } {
  const office = new Office(limits);
  const { code, message } = office.register(change);
  const { region = "r1", addrs = [], version = "1", metadata = noMetadata } = change;
  const merge = office.table.merge(living(beginNs + 1024n, { hostname: "other", region, addrs, version, metadata }));
  return { code, message, merge };
}
const taken = { code: Code.Ok, message: undefined, merge: "newer" };
const refused = (message: string) => ({ code: Code.BadRequest, message, merge: "refused" });

bound("registryNameBytes", {
  at() {
    expect(outcomes({ registryNameBytes: 64 }, { version: "é".repeat(32) })).toEqual(taken);
  },
  above() {
    const version = `${"é".repeat(32)}x`;
    expect(outcomes({ registryNameBytes: 64 }, { version })).toEqual(refused("version is longer than 64 bytes"));
  },
});

bound("instanceAddresses", {
  at() {
    expect(outcomes({ instanceAddresses: 2 }, { addrs: ["tcp://a:1", "tcp://b:1"] })).toEqual(taken);
  },
  above() {
    const addrs = ["tcp://a:1", "tcp://b:1", "tcp://c:1"];
    expect(outcomes({ instanceAddresses: 2 }, { addrs })).toEqual(refused("there are more than 2 addrs"));
  },
});

bound("instanceAddressBytes", {
  at() {
    expect(outcomes({ instanceAddressBytes: 64 }, { addrs: ["x".repeat(64)] })).toEqual(taken);
  },
  above() {
    expect(outcomes({ instanceAddressBytes: 64 }, { addrs: ["x".repeat(65)] })).toEqual(
      refused("an element of addrs is longer than 64 bytes"),
    );
  },
});

const entries = (count: number): ReadonlyMap<string, string> =>
  new Map(Array.from({ length: count }, (_, at) => [`k${at}`, "v"]));

bound("instanceMetadataEntries", {
  at() {
    expect(outcomes({ instanceMetadataEntries: 16 }, { metadata: entries(16) })).toEqual(taken);
  },
  above() {
    expect(outcomes({ instanceMetadataEntries: 16 }, { metadata: entries(17) })).toEqual(
      refused("metadata has more than 16 entries"),
    );
  },
});

bound("instanceMetadataBytes", {
  at() {
    const metadata = new Map([["key", "v".repeat(1021)]]);
    expect(outcomes({ instanceMetadataBytes: 1024 }, { metadata })).toEqual(taken);
    const office = new Office({ instanceMetadataBytes: 1024 });
    office.register();
    expect(office.set([{ metadata }]).code).toBe(Code.Ok);
  },
  above() {
    const metadata = new Map([["key", "v".repeat(1022)]]);
    expect(outcomes({ instanceMetadataBytes: 1024 }, { metadata })).toEqual(
      refused("metadata is longer than 1024 bytes"),
    );
    const office = new Office({ instanceMetadataBytes: 1024 });
    office.register();
    expect(office.set([{ metadata }]).message).toBe("chat-1: metadata is longer than 1024 bytes");
  },
});

bound("timestampAhead", {
  at() {
    const office = new Office({ timestampAhead: 60_000 });
    const ahead = beginNs + nanoseconds(60_000);
    expect(office.register({ dirtyTimestamp: ahead, regTimestamp: ahead }).code).toBe(Code.Ok);
    expect(office.set([{}], ahead).code).toBe(Code.Ok);
    expect(office.cancel({}, ahead).code).toBe(Code.Ok);
  },
  above() {
    const office = new Office({ timestampAhead: 60_000 });
    const ahead = beginNs + nanoseconds(60_000) + 1n;
    const sentence = "is more than 1 minute ahead of this node's clock";
    expect(office.register({ dirtyTimestamp: ahead }).message).toBe(`dirty_timestamp ${sentence}`);
    expect(office.register({ regTimestamp: ahead }).message).toBe(`reg_timestamp ${sentence}`);
    office.register();
    expect(office.set([{}], ahead).message).toBe(`set_timestamp ${sentence}`);
    expect(office.cancel({}, ahead).message).toBe(`dirty_timestamp ${sentence}`);
    expect(office.limits.reached.get("timestampAhead")).toBe(4);
  },
});

bound("tombstones", {
  at() {
    const office = new Office({ tombstones: 10 });
    for (let index = 0; index < 10; index++) office.table.merge(cancelled(beginNs, { hostname: `i${index}` }));
    office.table.forget(office.clock.monotonicMs());
    expect(office.table.tombstones).toBe(10);
  },
  above() {
    const office = new Office({ tombstones: 10 });
    for (let index = 0; index < 12; index++) office.table.merge(cancelled(beginNs, { hostname: `i${index}` }));
    expect(office.table.tombstones).toBe(10);
    expect(office.limits.reached.get("tombstones")).toBe(1);
  },
});

const nodes = (office: Office, count: number): Code[] =>
  Array.from({ length: count }, (_, index) => {
    const hostname = `10.2.0.${index}:7171`;
    return office.register({ appid: discoveryAppid, hostname, addrs: [`http://${hostname}`] }).code;
  });

bound("registryNodes", {
  at() {
    const peers = new Peers(
      { zone: "z1", incarnation: "self", address: "self:1" },
      [],
      testLimits({ registryNodes: 2 }),
    );
    for (const address of ["a:1", "b:1"]) peers.listed(address, "z1", 0);
    expect(peers.size).toBe(2);
    // And the node itself.
    expect(nodes(new Office({ registryNodes: 2 }), 3)).toEqual([Code.Ok, Code.Ok, Code.Ok]);
  },
  above() {
    const limits = testLimits({ registryNodes: 2 });
    const peers = new Peers({ zone: "z1", incarnation: "self", address: "self:1" }, [], limits);
    for (const address of ["a:1", "b:1", "c:1"]) peers.listed(address, "z1", 0);
    expect(peers.size).toBe(2);
    expect(limits.reached.get("registryNodes")).toBe(1);
    const office = new Office({ registryNodes: 2 });
    expect(nodes(office, 4).at(-1)).toBe(Code.LimitExceeded);
    expect(office.table.app("any env", discoveryAppid)?.key).toBe(appKey("", discoveryAppid));
    // Other services are not affected.
    expect(office.register().code).toBe(Code.Ok);
  },
});

/** A node with this many instances, of which `silent` stop renewing; returned two ticks after their leases ended. */
function fallSilent(limits: Parameters<typeof testLimits>[0], count: number, silent: number) {
  const time = new VirtualTime();
  const node = new RegistryNode({
    settings: { env: "prod", zone: "z1", region: "r", address: "10.0.0.1:1", seeds: [], version: "1", hasKey: true },
    limits: testLimits(limits),
    clock: time.clock(0),
    timers: time.timersOf(() => true),
    random: seededRandom(1),
    network: new ManualNetwork(time),
    log: silentLog,
  });
  node.start();
  for (let at = 0; at < count; at++) node.table.merge(living(beginNs, { hostname: `i${at}` }));
  time.advance(60_000);
  for (let at = silent; at < count; at++) node.registrar.renew(identityOf({ hostname: `i${at}` }), 0n, "client");
  time.advance(leaseMs - 60_000 + 2_000);
  return { time, node, left: () => node.instances("prod", "chat", Status.Any).length };
}

bound("silentShare", {
  at() {
    const { node, left } = fallSilent({ silentShare: 30 }, 100, 30);
    expect([left(), node.isProtected]).toEqual([70, false]);
    expect(node.rules.limits.reached.size).toBe(0);
  },
  above() {
    const { node, left } = fallSilent({ silentShare: 30 }, 100, 31);
    expect([left(), node.isProtected]).toEqual([100, true]);
    expect(node.rules.limits.reached.get("silentShare")).toBe(1);
  },
});

bound("protectedLease", {
  at() {
    const { time, node, left } = fallSilent({ protectedLease: 120_000 }, 100, 100);
    time.advance(120_000 - leaseMs - 2_000);
    expect(left()).toBe(100);
    expect(node.rules.limits.reached.has("protectedLease")).toBe(false);
  },
  above() {
    const { time, node, left } = fallSilent({ protectedLease: 120_000 }, 100, 100);
    time.advance(120_000 - leaseMs);
    expect(left()).toBe(0);
    expect(node.rules.limits.reached.get("protectedLease")).toBe(100);
  },
});

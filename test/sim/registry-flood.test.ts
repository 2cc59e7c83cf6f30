// Two nodes of a registry without a key, which a stranger fills with names of its own as fast as it likes, in virtual
// time. Whatever it does, the cluster's own services come, stay and go as they should, on both nodes; and when the
// flood is over, the registry is as it was before.

import { expect, test } from "bun:test";
import { leaseMs } from "../../src/base/limits/fixed.ts";
import { silentLog } from "../../src/base/log.ts";
import { seededRandom } from "../../src/base/random.ts";
import { type Identity, Status } from "../../src/registry/instance.ts";
import type { PeerFailure, PeerNetwork } from "../../src/registry/replication/peer-messages.ts";
import { Code } from "../../src/registry/codes.ts";
import { RegistryNode } from "../../src/registry/node/registry-node.ts";
import { testLimits } from "../support/limits.ts";
import { Random, testSeed } from "../support/random.ts";
import { registration } from "../registry/support.ts";
import { VirtualTime } from "./virtual-time.ts";

const instances = 400;
const instancesReserved = 60;
const ownServices = ["wgateway", "tgateway", "login", "chat"] as const;
const addresses = ["10.0.0.1:7171", "10.0.0.2:7171"] as const;
/** Within this time a change at one node is known at the other one. */
const toldMs = 2_000;
const floodMs = 6 * 60_000;

class Own {
  readonly identity: Identity;
  isAlive = false;
  /** When it began or ceased to live. */
  sinceMs = 0;

  constructor(identity: Identity) {
    this.identity = identity;
  }
}

class FloodedRegistry {
  readonly time = new VirtualTime();
  readonly faults: string[] = [];
  /** Registrations of the stranger that were taken. */
  taken = 0;
  refused = 0;
  private readonly random: Random;
  private readonly nodes: readonly RegistryNode[];
  private readonly own: Own[] = [];
  private isFlooding = true;

  constructor(seed: number) {
    this.random = new Random(seed);
    this.nodes = addresses.map((address) => this.nodeAt(address));
    for (const node of this.nodes) node.start();
    this.time.advance(10_000);
    for (let index = 0; index < 24; index++) {
      const appid = ownServices[index % ownServices.length] ?? "chat";
      const own = new Own({ env: "prod", appid, zone: "z1", hostname: `${appid}-${index}` });
      this.own.push(own);
      // A third of them is there before the flood.
      this.time.after(index % 3 === 0 ? 0 : this.random.below(floodMs), () => this.live(own));
    }
    this.time.advance(1_000);
    this.flood();
  }

  run(): readonly string[] {
    for (let passedMs = 0; passedMs < floodMs; passedMs += 1_000) {
      this.time.advance(1_000);
      this.check();
    }
    this.isFlooding = false;
    // The last lease, and the looks that it takes.
    this.time.advance(leaseMs + 5_000);
    this.check();
    for (const node of this.nodes) {
      const { live } = node.table;
      if (live > this.own.length + addresses.length) this.faults.push(`${live} instances are left`);
      const outcome = node.registrar.register(registration({ appid: "shop" }), this.stranger());
      if (outcome.code !== Code.Ok) this.faults.push("another service is refused after the flood");
    }
    for (const node of this.nodes) node.stop();
    return this.faults;
  }

  private nodeAt(address: string): RegistryNode {
    return new RegistryNode({
      settings: {
        env: "prod",
        zone: "z1",
        region: "r",
        address,
        version: "1",
        hasKey: false,
        seeds: addresses.filter((other) => other !== address),
      },
      clock: this.time.clock(0),
      timers: this.time.timersOf(() => true),
      random: seededRandom(this.random.u32()),
      network: this.network(),
      limits: testLimits({ instances, instancesReserved }),
      log: silentLog,
    });
  }

  /** Carries every message within 50 ms. */
  private network(): PeerNetwork {
    const exchange = <Reply>(
      address: string,
      handle: (node: RegistryNode) => Reply,
      done: (reply: Reply | PeerFailure) => void,
    ): void => {
      const receiver = this.nodes[addresses.findIndex((other) => other === address)];
      const failed: PeerFailure = { kind: "failed", reason: "unreachable", sentence: "no such node" };
      this.time.after(1 + this.random.below(25), () => {
        const reply = receiver === undefined ? failed : handle(receiver);
        this.time.after(1 + this.random.below(25), () => done(reply));
      });
    };
    return {
      replicate: (address, message, done) => exchange(address, (node) => node.replication.onReplicate(message), done),
      compare: (address, message, done) => exchange(address, (node) => node.replication.onCompare(message), done),
    };
  }

  private pick<Item>(items: readonly Item[]): Item {
    const item = items[this.random.below(items.length)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  }

  private stranger() {
    // Some are on this machine, and have no bound of their own.
    const address = this.random.once(2) ? "" : `192.0.2.${this.random.below(256)}`;
    return { address, origin: "client", isTrusted: false } as const;
  }

  /** The life of one of the cluster's services: it comes, renews every 30 s, and dies now and then, or leaves. */
  private live(own: Own): void {
    const node = this.pick(this.nodes);
    if (!own.isAlive) {
      const { code } = node.registrar.register(registration(own.identity), this.stranger());
      if (code !== Code.Ok) this.faults.push(`${own.identity.hostname} is refused with code ${code}`);
      own.isAlive = true;
      own.sinceMs = this.time.nowMs;
    } else if (this.random.once(4)) {
      own.isAlive = false;
      own.sinceMs = this.time.nowMs;
      this.time.after(leaseMs + 20_000 + this.random.below(60_000), () => this.live(own));
      return;
    } else if (node.registrar.renew(own.identity, 0n, "client").code !== Code.Ok) {
      this.faults.push(`${own.identity.hostname} is not known any more`);
    }
    this.time.after(30_000, () => this.live(own));
  }

  /**
   * Registers names in heaps, mostly new ones; some of them are renewed at once, cancelled, or told by a node's
   * message.
   */
  private flood(): void {
    if (!this.isFlooding) return;
    const node = this.pick(this.nodes);
    for (let count = this.random.below(60); count > 0; count--) {
      const identity = { appid: `junk${this.random.below(1_000)}`, hostname: `j${this.random.below(5_000)}` };
      const { code } = node.registrar.register(registration(identity), this.stranger());
      if (code === Code.Ok) this.taken++;
      else this.refused++;
      const known = { env: "prod", zone: "z1", ...identity };
      if (this.random.once(3)) node.registrar.renew(known, 0n, "client");
      if (this.random.once(20)) node.registrar.cancel(known, 0n, "client");
    }
    // Now and then it rests, so that all of it falls silent at once.
    this.time.after(this.random.once(200) ? 100_000 : 1 + this.random.below(400), () => this.flood());
  }

  private check(): void {
    for (const { identity, isAlive, sinceMs } of this.own) {
      const forMs = this.time.nowMs - sinceMs;
      for (const node of this.nodes) {
        const isListed = node
          .instances("prod", identity.appid, Status.Up)
          .some(({ hostname }) => hostname === identity.hostname);
        if (isAlive && forMs > toldMs && !isListed) this.faults.push(`${identity.hostname} is not listed`);
        // Its last renewal was up to half a minute before.
        if (!isAlive && sinceMs > 0 && forMs > leaseMs + toldMs && isListed)
          this.faults.push(`${identity.hostname} is dead for ${forMs} ms, and listed`);
      }
    }
    for (const { table } of this.nodes)
      if (table.live > instances + instancesReserved) this.faults.push(`${table.live} instances are held`);
  }
}

test.each([1, 2, 3, testSeed("registry-flood")])(
  "seed %p: a stranger's names keep none of the cluster's own out",
  (seed) => {
    const world = new FloodedRegistry(seed);
    expect([...new Set(world.run())]).toEqual([]);
    expect(world.taken).toBeGreaterThan(instances);
    expect(world.refused).toBeGreaterThan(instances);
  },
);

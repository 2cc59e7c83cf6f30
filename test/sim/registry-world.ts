// A registry of several nodes in two zones, with clients, in virtual time: messages are lost, doubled, reordered and
// delayed, the network splits, clocks are minutes apart, nodes restart empty, clients die. Then everything heals, and
// the tables must be equal to each other and to what the model says. One seed, one run.

import { testLimits } from "../support/limits.ts";
import { seededRandom } from "../../src/base/random.ts";
import { silentLog } from "../../src/base/log.ts";
import { compareVersions, type EntryState, hashOf } from "../../src/registry/table/entry.ts";
import { discoveryAppid, type Identity, instanceKey, Status } from "../../src/registry/instance.ts";
import { Code } from "../../src/registry/codes.ts";
import { RegistryNode } from "../../src/registry/node/registry-node.ts";
import { Random } from "../support/random.ts";
import { Node, RegistryNetwork, type Sabotage } from "./registry-network.ts";
import { VirtualTime } from "./virtual-time.ts";

const troubleMs = 6 * 60_000;
/** Within this time after the healing nothing cancelled may be left; it is shorter than a lease. */
const settleMs = 60_000;
const convergedMsMax = 75 * 60_000;

/** A write that was acknowledged. */
interface Known {
  readonly dirty: bigint;
  readonly instance: EntryState["instance"];
  readonly hash: bigint;
  /** Address of the node that took it. */
  readonly at: string;
}

/** What the model knows of an identity. */
interface History {
  /** The write that holds. */
  last: Known;
  readonly writes: Known[];
  /**
   * The lease of that write ran out somewhere: an instance that nobody renews for so long is forgotten, and with it
   * its version. Then an earlier write that another node still has may hold, too.
   */
  isForgettable: boolean;
}

class Client {
  readonly identity: Identity;
  node: Node;
  /** It wants to be listed, and renews. */
  isAlive = false;
  /** It ended by a cancel that was acknowledged. */
  isCancelled = false;

  constructor(identity: Identity, node: Node) {
    this.identity = identity;
    this.node = node;
  }
}

export class RegistryWorld {
  readonly time = new VirtualTime();
  private readonly random: Random;
  private readonly seed: number;
  private readonly nodes: Node[] = [];
  private readonly clients: Client[] = [];
  private readonly model = new Map<string, History>();
  private readonly network: RegistryNetwork;
  private readonly faults: string[] = [];
  /** What happened, for a person who looks for the reason. */
  readonly story: string[] = [];

  constructor(seed: number, sabotage?: Sabotage) {
    this.seed = seed;
    this.random = new Random(seed);
    this.network = new RegistryNetwork(this.time, this.random, this.nodes, sabotage);
    const count = 2 + this.random.below(4);
    for (let index = 0; index < count; index++) {
      const zone = index > 0 && this.random.once(3) ? "z2" : "z1";
      this.nodes.push(new Node(`10.0.0.${index + 1}:7171`, zone, (this.random.below(11) - 5) * 60_000));
    }
    for (const node of this.nodes) this.time.after(this.random.below(2_000), () => this.boot(node));
    const clients = 4 + this.random.below(24);
    for (let index = 0; index < clients; index++) {
      const identity = {
        env: "prod",
        appid: `service${index % 3}`,
        zone: index % 4 === 0 ? "z2" : "z1",
        hostname: `i${index}`,
      };
      const client = new Client(identity, this.pick(this.nodes));
      this.clients.push(client);
      this.time.after(5_000 + this.random.below(60_000), () => this.live(client));
    }
    this.planTrouble();
  }

  /** Runs everything; returns what was wrong: nothing, if all is well. */
  run(): readonly string[] {
    this.time.advance(troubleMs);
    this.heal();
    this.time.advance(settleMs);
    this.checkNothingCancelledIsLeft();
    for (let waitedMs = 0; this.differences().length > 0 && waitedMs < convergedMsMax; waitedMs += 10_000)
      this.time.advance(10_000);
    this.faults.push(...this.differences());
    return this.faults;
  }

  private tell(what: string): void {
    this.story.push(`${(this.time.nowMs / 1000).toFixed(3)} ${what}`);
  }

  private pick<Item>(items: readonly Item[]): Item {
    const item = items[this.random.below(items.length)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  }

  private boot(node: Node): void {
    if (node.registry !== undefined) return;
    this.tell(`${node.address} (${node.zone}) starts`);
    const registry: RegistryNode = new RegistryNode({
      settings: {
        env: "prod",
        zone: node.zone,
        region: "r",
        address: node.address,
        // Everybody knows the first one, which knows nobody: the rest they find by the registry itself.
        seeds: node === this.nodes[0] ? [] : [this.nodes[0]?.address ?? ""],
        version: "1",
        hasKey: true,
      },
      clock: this.time.clock(node.skewMs),
      timers: this.time.timersOf(() => node.registry === registry),
      random: seededRandom(this.random.u32()),
      network: this.network.of(node),
      limits: testLimits(),
      log: silentLog,
    });
    const evict = registry.table.evict.bind(registry.table);
    registry.table.evict = (entry) => {
      this.evicted(entry.key, entry.dirty);
      evict(entry);
    };
    node.registry = registry;
    registry.start();
  }

  private planTrouble(): void {
    this.time.after(5_000 + this.random.below(40_000), () => {
      if (!this.network.isTroubled) return;
      if (this.random.once(2)) this.split();
      else this.restart(this.pick(this.nodes));
      this.planTrouble();
    });
  }

  private split(): void {
    const side = new Set(this.nodes.filter(() => this.random.once(2)));
    this.tell(`split: ${[...side].map(({ address }) => address).join(" ")} from the rest`);
    for (const one of side) {
      for (const other of this.nodes) if (!side.has(other)) this.network.part(one, other);
    }
    this.time.after(10_000 + this.random.below(150_000), () => {
      this.tell("the network is whole again");
      this.network.join();
    });
  }

  /** Kills a node, unless it is the only one that holds something which was acknowledged; it comes back empty. */
  private restart(node: Node): void {
    const { registry } = node;
    if (registry === undefined || !this.isDispensable(node)) return;
    this.tell(`${node.address} dies`);
    registry.stop();
    node.registry = undefined;
    this.time.after(this.random.below(60_000), () => this.boot(node));
  }

  private isDispensable(node: Node): boolean {
    const others = this.nodes.filter((other) => other !== node && other.registry?.isReadable === true);
    for (const [key, { last: known }] of this.model) {
      const isHeld = others.some(({ registry }) =>
        [...(registry?.table.all() ?? [])].some((entry) => entry.key === key && compareVersions(entry, known) >= 0),
      );
      if (!isHeld) return false;
    }
    return true;
  }

  private live(client: Client): void {
    const delayMs = 25_000 + this.random.below(10_000);
    if (client.isAlive) this.renew(client);
    else if (this.network.isTroubled && (!client.isCancelled || this.random.once(4))) this.register(client);
    if (this.network.isTroubled && client.isAlive) {
      if (this.random.once(6)) this.set(client);
      if (this.random.once(8)) this.cancel(client);
      else if (this.random.once(12)) {
        this.tell(`${client.identity.hostname} dies`);
        client.isAlive = false;
      }
    }
    this.time.after(delayMs, () => this.live(client));
  }

  /** The registry that the client talks to: another one when its own is away, or now and then. */
  private registryOf(client: Client): RegistryNode | undefined {
    if (client.node.registry === undefined || (this.network.isTroubled && this.random.once(5)))
      client.node = this.pick(this.nodes);
    return client.node.registry;
  }

  private register(client: Client): void {
    const registry = this.registryOf(client);
    if (registry === undefined) return;
    client.isAlive = true;
    client.isCancelled = false;
    registry.registrar.register(
      {
        ...client.identity,
        region: "r",
        addrs: ["tcp://10.1.1.1:1"],
        version: String(this.random.below(5)),
        metadata: new Map(),
        status: Status.Up,
        dirtyTimestamp: 0n,
        regTimestamp: 0n,
      },
      { address: "", origin: "client", isTrusted: false },
    );
    this.acknowledged(client, registry, "registers");
  }

  private renew(client: Client): void {
    const registry = this.registryOf(client);
    if (registry === undefined) return;
    if (registry.registrar.renew(client.identity, 0n, "client").code === Code.NotFound) this.register(client);
  }

  private set(client: Client): void {
    const registry = this.registryOf(client);
    const { env, appid, zone, hostname } = client.identity;
    const metadata = new Map([["round", String(this.random.below(100))]]);
    const status = this.random.once(2) ? Status.Up : Status.Waiting;
    const outcome = registry?.registrar.set(
      { env, appid, zone, changes: [{ hostname, status, metadata }], setTimestamp: 0n },
      "client",
    );
    if (registry !== undefined && outcome?.code === Code.Ok) this.acknowledged(client, registry, "sets");
  }

  private cancel(client: Client): void {
    const registry = this.registryOf(client);
    if (registry?.registrar.cancel(client.identity, 0n, "client").code !== Code.Ok) return;
    client.isAlive = false;
    client.isCancelled = true;
    this.acknowledged(client, registry, "cancels");
  }

  private acknowledged(client: Client, registry: RegistryNode, what: string): void {
    const entry = registry.table.get(client.identity);
    if (entry === undefined) throw new Error(`acknowledged and not there: ${client.identity.hostname}`);
    this.tell(`${entry.identity.hostname} ${what} at ${client.node.address}: ${entry.dirty}`);
    const known = { dirty: entry.dirty, instance: entry.instance, hash: entry.hash, at: client.node.address };
    const history = this.model.get(entry.key);
    if (history === undefined) {
      this.model.set(entry.key, { last: known, writes: [known], isForgettable: false });
      return;
    }
    history.writes.push(known);
    if (compareVersions(known, history.last) <= 0) return;
    history.last = known;
    history.isForgettable = false;
  }

  private evicted(key: string, dirty: bigint): void {
    const history = this.model.get(key);
    if (history !== undefined && dirty >= history.last.dirty) history.isForgettable = true;
  }

  private heal(): void {
    this.tell("everything heals");
    this.network.isTroubled = false;
    this.network.join();
    for (const node of this.nodes) if (node.registry === undefined) this.boot(node);
  }

  private checkNothingCancelledIsLeft(): void {
    for (const { identity, isAlive } of this.clients) {
      const known = this.model.get(instanceKey(identity))?.last;
      if (known === undefined || known.instance !== undefined || isAlive) continue;
      for (const { address, registry } of this.nodes) {
        if (registry?.table.get(identity)?.instance !== undefined)
          this.faults.push(
            `seed ${this.seed}: ${identity.hostname} was cancelled at ${known.at}, and lives at ${address}`,
          );
      }
    }
  }

  /** How the tables differ from each other, and from the model. */
  private differences(): string[] {
    const differences: string[] = [];
    const say = (what: string): void => void differences.push(`seed ${this.seed}: ${what}`);
    const [first] = this.nodes;
    for (const { address, registry } of this.nodes) {
      if (registry === undefined || first?.registry === undefined) {
        say(`${address} does not run`);
        continue;
      }
      if (registry.table.digest.text() !== first.registry.table.digest.text())
        say(`${address} and ${first.address} have different tables`);
      for (const entry of registry.table.all()) {
        if (entry.hash !== hashOf(entry.key, entry.dirty, entry.instance)) say(`${address}: a wrong hash`);
      }
      for (const { identity, isAlive } of this.clients) {
        const entry = registry.table.get(identity);
        const history = this.model.get(instanceKey(identity));
        if (!isAlive) {
          if (entry?.instance !== undefined) say(`${identity.hostname} is gone, and lives at ${address}`);
        } else if (entry?.instance === undefined) say(`${identity.hostname} lives, and is not at ${address}`);
        else if (history === undefined || !allowed(history).some((known) => compareVersions(entry, known) === 0))
          say(`${identity.hostname} has at ${address} another version than the last acknowledged one`);
      }
      const nodes = [...(registry.table.app("any", discoveryAppid)?.entries() ?? [])].length;
      if (nodes !== this.nodes.length) say(`${address} lists ${nodes} of ${this.nodes.length} registry nodes`);
    }
    return differences;
  }
}

function allowed({ last, writes, isForgettable }: History): readonly Known[] {
  return isForgettable ? writes : [last];
}

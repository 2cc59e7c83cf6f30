// The registry of a simulated cluster: nodes that replicate, and the naming client of a process, which asks them by
// calls that may get lost.

import { seededRandom } from "../../src/base/random.ts";
import { silentLog } from "../../src/base/log.ts";
import { localRegistrar } from "../../src/registry/client/local-registrar.ts";
import type { Listed, Naming, Registered, Registration } from "../../src/registry/client/naming.ts";
import { renewIntervalMs } from "../../src/registry/client/registration-loop.ts";
import { sameInstances } from "../../src/registry/client/same-instances.ts";
import { type Instance, Status } from "../../src/registry/instance.ts";
import { RegistryNode } from "../../src/registry/node/registry-node.ts";
import type { PeerFailure, PeerNetwork } from "../../src/registry/replication/peer-messages.ts";
import { testLimits } from "../support/limits.ts";
import type { Machine, Machines } from "./machines.ts";
import { callMsMax, type Network } from "./network.ts";

const env = "sim";
const zone = "z1";
const pollMs = 2_000;
const retryMs = 500;

/** The nodes that run, by their machines. */
export type Registry = Map<Machine, RegistryNode | undefined>;

/** Starts a node in the process of `machine`. */
export function startRegistryNode(machines: Machines, network: Network, registry: Registry, machine: Machine): void {
  const first = [...registry.keys()][0];
  const exchange = <Reply>(
    address: string,
    handle: (node: RegistryNode) => Reply,
    done: (reply: Reply | PeerFailure) => void,
  ): void => {
    const failed: PeerFailure = { kind: "failed", reason: "unreachable", sentence: "no answer" };
    const peer = machines.list.find((other) => other.address === address);
    if (peer === undefined) {
      setImmediate(() => done(failed));
      return;
    }
    network.call(peer, () => handle(nodeOf(registry, peer))).then(done, () => done(failed));
  };
  const peers: PeerNetwork = {
    replicate: (address, message, done) => exchange(address, (node) => node.replication.onReplicate(message), done),
    compare: (address, message, done) => exchange(address, (node) => node.replication.onCompare(message), done),
  };
  const node = new RegistryNode({
    settings: {
      env,
      zone,
      region: "",
      address: machine.address,
      version: "1",
      hasKey: true,
      seeds: machine === first ? [] : [first?.address ?? ""],
    },
    ...machines.time(machines.running),
    random: seededRandom(machines.random.u32()),
    network: peers,
    limits: testLimits(),
    log: silentLog,
  });
  registry.set(machine, node);
  machines.running.ends.push(() => registry.set(machine, undefined));
  node.start();
}

function nodeOf(registry: Registry, machine: Machine): RegistryNode {
  const node = registry.get(machine);
  if (node === undefined) throw new Error("the registry node has ended");
  return node;
}

/** The naming client of one process. */
export class SimulatedNaming implements Naming {
  private readonly network: Network;
  private readonly registry: Registry;
  private readonly known = new Map<string, readonly Instance[]>();
  private readonly polls = new Map<string, NodeJS.Timeout>();
  private turn: number;

  constructor(network: Network, registry: Registry) {
    this.network = network;
    this.registry = registry;
    this.turn = network.machines.random.below(registry.size);
  }

  async find(service: string): Promise<readonly Instance[]> {
    return this.known.get(service) ?? this.findNow(service);
  }

  async findNow(service: string): Promise<readonly Instance[]> {
    const instances = await this.instances(service, Status.Up);
    this.known.set(service, instances);
    return instances;
  }

  async listAll(service: string): Promise<readonly Listed[]> {
    const instances = await this.instances(service, Status.Any);
    return instances.map((instance) => ({ instance, isStale: false, isProven: true }));
  }

  private instances(service: string, mask: number): Promise<readonly Instance[]> {
    return this.ask((node) => {
      if (!node.isReadable) throw new Error("the registry node has just started");
      return node.instances(env, service, mask);
    });
  }

  subscribe(service: string, onChange: (instances: readonly Instance[]) => void): void {
    let told: readonly Instance[] | undefined;
    const poll = async (): Promise<void> => {
      try {
        const instances = await this.findNow(service);
        const isNews = told === undefined ? instances.length > 0 : !sameInstances(told, instances);
        if (!isNews || !this.polls.has(service)) return;
        told = instances;
        onChange(instances);
      } catch {
        // What a subscriber got stays.
      }
    };
    this.polls.set(
      service,
      setInterval(() => void poll(), pollMs),
    );
    void poll();
  }

  unsubscribe(service: string): void {
    clearInterval(this.polls.get(service));
    this.polls.delete(service);
  }

  async register(registration: Registration): Promise<Registered> {
    const { service: appid, id: hostname, addrs, version } = registration;
    let { status, metadata } = registration;
    const ended = new AbortController();
    const identity = { env, appid, zone, hostname };
    const say = async (): Promise<void> => {
      while (!ended.signal.aborted) {
        try {
          await this.ask((node) =>
            localRegistrar(node).register({ ...identity, region: "", addrs, version, status, metadata }),
          );
          return;
        } catch {
          await Bun.sleep(retryMs);
        }
      }
    };
    const renew = async (): Promise<void> => {
      try {
        if (await this.ask((node) => localRegistrar(node).renew(identity))) return;
        await say();
      } catch {
        // The next renewal comes before the lease ends.
      }
    };
    await say();
    const renewals = setInterval(() => void renew(), renewIntervalMs);
    return {
      update: async (change) => {
        status = change.status ?? status;
        metadata = change.metadata ?? metadata;
        await say();
      },
      deregister: async () => {
        ended.abort();
        clearInterval(renewals);
        await this.ask((node) => localRegistrar(node).cancel(identity)).catch(() => undefined);
      },
    };
  }

  close(): Promise<void> {
    for (const service of this.polls.keys()) this.unsubscribe(service);
    return Promise.resolve();
  }

  /** Asks one node, and the next one when that does not answer. */
  private async ask<Answer>(handle: (node: RegistryNode) => Answer): Promise<Answer> {
    const nodes = [...this.registry.keys()];
    let failure: unknown;
    for (let tries = 0; tries < nodes.length; tries++) {
      const machine = nodes[this.turn % nodes.length];
      if (machine === undefined) break;
      try {
        return await this.network.call(machine, () => handle(nodeOf(this.registry, machine)), callMsMax / 2);
      } catch (error) {
        failure = error;
        this.turn++;
      }
    }
    throw failure;
  }
}

// Nodes of the registry under test: processes of their own on free ports of this machine, that know each other.

import type { Subprocess } from "bun";
import { type Usage, usageOf } from "../generator/usage.ts";
import { freePorts } from "../../scripts/harness/free-ports.ts";
import { endOf, hasEnded, makeFolder, removeFolder, spawnChild } from "../server/lifetime.ts";
import { roostCommand, type ServerWish, withOpenFiles } from "../server/standalone.ts";

const startMsMax = 20_000;
const settleMsMax = 60_000;
const lookMs = 50;
/** One that is not answered by then is asked anew. */
const healthMsMax = 5_000;

/** One node that runs. */
export interface RegistryProcess {
  /** `127.0.0.1:port` of its API. */
  readonly address: string;
  readonly port: number;
  readonly dnsPort: number;
  readonly pid: number;
}

export class RegistryCluster {
  readonly nodes: readonly RegistryProcess[];
  private readonly children: readonly Subprocess[];
  private readonly folder: string;

  private constructor(nodes: readonly RegistryProcess[], children: readonly Subprocess[], folder: string) {
    this.nodes = nodes;
    this.children = children;
    this.folder = folder;
  }

  /** Starts `count` nodes of one zone, and waits until each is readable and knows the others. */
  static async start(count: number, { openFiles, words = [] }: ServerWish = {}): Promise<RegistryCluster> {
    const free = await freePorts(2 * count);
    const ports = Array.from({ length: count }, (_, at) => ({
      port: free[2 * at] ?? 0,
      dnsPort: free[2 * at + 1] ?? 0,
    }));
    const folder = makeFolder();
    const peers = ports.map(({ port }) => `127.0.0.1:${port}`);
    const children = ports.map(({ dnsPort }, index) =>
      spawnChild(withOpenFiles([...roostCommand(), ...wordsOf(peers, index, dnsPort), ...words], openFiles), {
        cwd: folder,
        // While they start, each one warns that the others do not answer yet.
        env: { ROOST_LOG_LEVEL: "error" },
        stdin: "ignore",
        stdout: "ignore",
        stderr: "inherit",
      }),
    );
    const nodes = ports.map(({ port, dnsPort }, index): RegistryProcess => ({
      address: `127.0.0.1:${port}`,
      port,
      dnsPort,
      pid: children[index]?.pid ?? 0,
    }));
    const cluster = new RegistryCluster(nodes, children, folder);
    try {
      await cluster.until(
        `${count} nodes that know each other`,
        startMsMax,
        ({ ready, detail }) => ready && detail.peersUp === count - 1 && detail.instances === count,
      );
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** Waits until every node lists this many instances besides the nodes themselves. */
  async listed(instances: number): Promise<void> {
    const total = instances + this.nodes.length;
    await this.until(`${instances} listed instances`, settleMsMax, ({ detail }) => detail.instances === total);
  }

  /** Waits until this many long polls wait at the first node. */
  async polling(polls: number): Promise<void> {
    const endMs = performance.now() + settleMsMax;
    const [first] = this.nodes;
    for (;;) {
      const text = await fetch(`http://${first?.address ?? ""}/metrics`).then((response) => response.text());
      if (Number(/^roost_registry_polls (\d+)$/m.exec(text)?.[1]) === polls) return;
      if (performance.now() > endMs) throw new Error(`there are not ${polls} long polls that wait`);
      await Bun.sleep(lookMs);
    }
  }

  usage(): Usage {
    return usageOf({ processes: this.nodes });
  }

  async stop(): Promise<void> {
    for (const child of this.children) child.kill("SIGKILL");
    await Promise.all(this.children.map((child) => child.exited));
    removeFolder(this.folder);
  }

  private async until(what: string, waitMs: number, holds: (health: NodeHealth) => boolean): Promise<void> {
    const endMs = performance.now() + waitMs;
    for (const [index, { address }] of this.nodes.entries()) {
      for (;;) {
        const child = this.children[index];
        if (child !== undefined && hasEnded(child)) throw new Error(`a registry node ended (${endOf(child)})`);
        const health = await healthOf(address);
        if (health !== undefined && holds(health)) break;
        if (performance.now() > endMs) throw new Error(`not within ${waitMs} ms: ${what}`);
        await Bun.sleep(lookMs);
      }
    }
  }
}

interface NodeHealth {
  readonly ready: boolean;
  readonly detail: { readonly instances: number; readonly peersUp: number };
}

function wordsOf(peers: readonly string[], index: number, dnsPort: number): string[] {
  const seeds = peers.length > 1 ? ["--peers", peers.join(",")] : [];
  const listeners = ["--listen", peers[index] ?? "", "--dns", `127.0.0.1:${dnsPort}`];
  return ["serve", "--role", "discovery", ...listeners, ...seeds];
}

/** Undefined while it does not answer. */
async function healthOf(address: string): Promise<NodeHealth | undefined> {
  const answer = await fetch(`http://${address}/health`, { signal: AbortSignal.timeout(healthMsMax) })
    .then(async (response) => ({ ready: response.ok, text: await response.text() }))
    .catch(() => undefined);
  if (answer === undefined) return undefined;
  const { ready, text } = answer;
  const number = (name: string): number => Number(new RegExp(`"${name}":(\\d+)`).exec(text)?.[1] ?? NaN);
  return { ready, detail: { instances: number("instances"), peersUp: number("peersUp") } };
}

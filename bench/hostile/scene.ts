// The server that is attacked, fresh for each attack, and the others who use it.

import { RegistryCluster } from "../registry/cluster.ts";
import { clusterServer, onBenchCluster } from "../server/cluster.ts";
import { roostCommand, startServer } from "../server/standalone.ts";
import type { Server } from "../server/target.ts";
import type { Place, SceneName } from "./attack.ts";
import { querying, queryingOverTcp, renewing, talkers, type Victims } from "./victims.ts";

/** What `nofile` is on many machines. */
const fewFiles = 1_024;
const clusterSize = { discovery: 1, gateways: 1, logins: 1, chats: 1 } as const;
const nowhere = { secret: "", app: "", tcp: undefined, ws: undefined, linkPort: 0 } as const;

export interface Scene {
  readonly place: Place;
  /** The process that is attacked. */
  readonly pid: number;
  readonly topology: string;
  readonly store: string | null;
  readonly victims: Victims;
}

/** Starts it, works on it, ends it. */
export async function onScene<T>(name: SceneName, work: (scene: Scene) => Promise<T>): Promise<T> {
  switch (name) {
    case "standalone":
      return onStandalone({}, work);
    case "standalone-few-files":
      return onStandalone({ openFiles: fewFiles }, work);
    case "links":
      return onLinks(work);
    case "registry":
      return onRegistry({}, renewing, work);
    case "registry-few-files":
      return onRegistry({ openFiles: fewFiles }, renewing, work);
    case "dns":
      return onRegistry({}, querying, work);
    case "dns-over-tcp":
      return onRegistry({}, queryingOverTcp, work);
  }
}

type Files = { readonly openFiles?: number };

async function onStandalone<T>(files: Files, work: (scene: Scene) => Promise<T>): Promise<T> {
  const { isBehindProxy, words } = proxiesOf();
  const server = await startServer({ ...files, words });
  try {
    const place = { ...placeOf(server), isBehindProxy, linkPort: 0 };
    return await withVictims(await talkers(place), (victims) => work({ place, victims, ...ofFirst(server) }));
  } finally {
    await server.stop();
  }
}

function onLinks<T>(work: (scene: Scene) => Promise<T>): Promise<T> {
  return onBenchCluster({ size: clusterSize, store: undefined, isAttacked: true }, async (cluster) => {
    const { processes } = cluster;
    const server = clusterServer(cluster);
    const link = processes.linkAddress("chat-1");
    const place = { ...placeOf(server), isBehindProxy: false, linkPort: Number(link.slice(link.lastIndexOf(":") + 1)) };
    const pid = processes.process("chat-1")?.pid ?? 0;
    return withVictims(await talkers(place), (victims) => work({ place, victims, ...ofFirst(server), pid }));
  });
}

async function onRegistry<T>(
  files: Files,
  gather: (place: Place) => Promise<Victims>,
  work: (scene: Scene) => Promise<T>,
): Promise<T> {
  const { isBehindProxy, words } = proxiesOf();
  const cluster = await RegistryCluster.start(1, { ...files, words });
  try {
    const [node] = cluster.nodes;
    if (node === undefined) throw new Error("there is no node");
    const place = { ...nowhere, isBehindProxy, registryPort: node.port, dnsPort: node.dnsPort };
    const about = { pid: node.pid, topology: "discovery", store: null };
    return await withVictims(await gather(place), (victims) => work({ place, victims, ...about }));
  } finally {
    await cluster.stop();
  }
}

async function withVictims<T>(victims: Victims, work: (victims: Victims) => Promise<T>): Promise<T> {
  try {
    return await work(victims);
  } finally {
    victims.close();
  }
}

function placeOf({ endpoints, secret, app }: Server) {
  return { tcp: endpoints.tcp, ws: endpoints.ws, secret, app, registryPort: 0, dnsPort: 0 };
}

function ofFirst({ processes, topology, store }: Server) {
  return { pid: processes[0]?.pid ?? 0, topology, store };
}

/**
 * Words by which attackers come from an address of their own; a release that is older than the option sees loopback.
 */
function proxiesOf(): { readonly isBehindProxy: boolean; readonly words: readonly string[] } {
  const { stdout } = Bun.spawnSync([...roostCommand(), "serve", "--help"]);
  const isBehindProxy = stdout.toString().includes("--trusted-proxies");
  return { isBehindProxy, words: isBehindProxy ? ["--trusted-proxies", "127.0.0.1/32"] : [] };
}

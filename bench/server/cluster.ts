// Ours as a cluster: a process for each node, as test/support starts them, with their data in a temporary folder and full
// durability.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type ClusterSize, ProcessCluster } from "../../test/support/process-cluster.ts";
import { endWithThis, forget, makeFolder, removeFolder } from "./lifetime.ts";
import { type Endpoint, parseServerUrl, type Server, type Transport } from "./target.ts";

/** Results name the processes in this order. */
const roles = ["gateway", "chat", "login", "discovery"] as const;

/** A cluster that runs. */
export interface BenchCluster {
  readonly processes: ProcessCluster;
  /** Its keys and data. */
  readonly folder: string;
  /** The key of its tokens. */
  readonly secret: string;
  /** The engine of the messages, as results call it. */
  readonly store: string;
}

interface ClusterWish {
  readonly size: ClusterSize;
  /** `postgres://…`; undefined: SQLite. */
  readonly store: string | undefined;
  /** Starts what runs beside the cluster and has to be there before it is ready; its undoing. */
  readonly beside?: (cluster: BenchCluster) => Promise<() => Promise<void>>;
}

/** Starts one, works on it, ends it. */
export async function onBenchCluster<T>(
  { size, store, beside }: ClusterWish,
  work: (cluster: BenchCluster) => Promise<T>,
): Promise<T> {
  const folder = makeFolder();
  let undo = async (): Promise<void> => undefined;
  try {
    const processes = await ProcessCluster.prepare({ folder, size, store });
    try {
      const secret = readFileSync(join(folder, "secret"), "utf8").trim();
      const cluster = { processes, folder, secret, store: store?.split(":", 1)[0] ?? "sqlite" };
      await Promise.all(processes.names().map((name) => processes.start(name)));
      for (const name of processes.names()) endWithThis(processes.process(name)?.pid ?? 0);
      undo = (await beside?.(cluster)) ?? undo;
      await processes.ready();
      return await work(cluster);
    } finally {
      for (const name of processes.names()) forget(processes.process(name)?.pid ?? 0);
      await processes.stop();
      await undo();
    }
  } finally {
    removeFolder(folder);
  }
}

/** Its first gateway as a load wants it, with the processes that run now. */
export function clusterServer({ processes, secret, store }: BenchCluster): Server {
  const [gateway] = processes.gateways;
  const endpoint = (transport: Transport, address = ""): Endpoint => parseServerUrl(`${transport}://${address}`);
  return {
    endpoints: { tcp: endpoint("tcp", gateway?.tcp), ws: endpoint("ws", gateway?.ws) },
    secret,
    app: "bench",
    processes: roles
      .flatMap((role) => processes.names(role))
      .map((name) => ({ name, pid: processes.process(name)?.pid ?? 0 })),
    topology: "processes",
    store,
    died: undefined,
  };
}

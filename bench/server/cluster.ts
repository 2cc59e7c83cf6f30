// Ours as a cluster: a process for each node, as scripts/harness starts them, with their data in a temporary folder and
// full durability.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type ClusterSize, ProcessCluster } from "../../scripts/harness/process-cluster.ts";
import { atEnd, makeFolder, removeFolder } from "./lifetime.ts";
import { measuredLimits } from "./limits.ts";
import { benchApp, type Endpoint, parseServerUrl, type Server, type Transport } from "./target.ts";

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
  /** With the initial limits, and not with those of servers that are measured. */
  readonly isAttacked?: boolean;
  /** Starts what runs beside the cluster, and has to be there before that is ready; how to end it. */
  readonly beside?: (cluster: BenchCluster) => Promise<() => Promise<void>>;
}

/** Starts one, works on it, ends it. */
export async function onBenchCluster<T>(
  { size, store, isAttacked = false, beside }: ClusterWish,
  work: (cluster: BenchCluster) => Promise<T>,
): Promise<T> {
  const folder = makeFolder();
  let undo = async (): Promise<void> => undefined;
  try {
    const processes = await ProcessCluster.prepare({
      folder,
      size,
      store,
      variables: isAttacked ? {} : { ROOST_LIMIT: measuredLimits },
    });
    const forget = atEnd(() => {
      for (const name of processes.names()) processes.process(name)?.signal("SIGKILL");
    });
    try {
      const secret = readFileSync(join(folder, "secret"), "utf8").trim();
      const cluster = { processes, folder, secret, store: store?.split(":", 1)[0] ?? "sqlite" };
      const beginBeside = async (): Promise<void> => {
        undo = (await beside?.(cluster)) ?? undo;
      };
      // All at once: a gateway waits for services that may come.
      const begun = [...processes.names().map((name) => processes.start(name)), beginBeside()];
      const failed = (await Promise.allSettled(begun)).find(({ status }) => status === "rejected");
      if (failed?.status === "rejected") throw failed.reason;
      await processes.ready();
      return await work(cluster);
    } finally {
      await processes.stop();
      await undo();
      forget();
    }
  } finally {
    removeFolder(folder);
  }
}

/** One of its gateways as a load wants it, with the processes that run now. */
export function clusterServer({ processes, secret, store }: BenchCluster, number = 0): Server {
  const gateway = processes.gateways[number];
  const endpoint = (transport: Transport, address = ""): Endpoint => parseServerUrl(`${transport}://${address}`);
  return {
    endpoints: { tcp: endpoint("tcp", gateway?.tcp), ws: endpoint("ws", gateway?.ws) },
    secret,
    app: benchApp,
    processes: roles
      .flatMap((role) => processes.names(role))
      .map((name) => ({ name, pid: processes.process(name)?.pid ?? 0 })),
    topology: "processes",
    store,
    died: undefined,
  };
}

// The cluster under test: a process for each node, as test/support starts them, with their data in a temporary folder and
// full durability.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ClusterSize, ProcessCluster } from "../../test/support/process-cluster.ts";
import { parseTcpUrl, type Target } from "../server.ts";

const roles = ["gateway", "chat", "login", "discovery"] as const;
const app = "bench";

/** A cluster that runs. */
export interface BenchCluster {
  readonly processes: ProcessCluster;
  /** The key of its tokens. */
  readonly secret: Uint8Array;
  /** The engine of the messages, as results call it. */
  readonly store: string;
}

/** Starts one, works on it, ends it. `store`: `postgres://…`; undefined: SQLite. */
export async function onBenchCluster<T>(
  { size, store }: { readonly size: ClusterSize; readonly store: string | undefined },
  work: (cluster: BenchCluster) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "roost-bench-"));
  try {
    const processes = await ProcessCluster.start({ folder, size, store });
    try {
      return await work({
        processes,
        secret: new TextEncoder().encode(readFileSync(join(folder, "secret"), "utf8").trim()),
        store: store?.split(":", 1)[0] ?? "sqlite",
      });
    } finally {
      await processes.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Its first gateway as the load generator wants it, with the processes that run now. */
export function clusterTarget({ processes, secret, store }: BenchCluster): Target {
  return {
    tcp: parseTcpUrl(`tcp://${processes.gateways[0]?.tcp ?? ""}`),
    secret,
    app,
    processes: roles
      .flatMap((role) => processes.names(role))
      .map((name) => ({ name, pid: processes.process(name)?.pid ?? 0 })),
    store,
  };
}

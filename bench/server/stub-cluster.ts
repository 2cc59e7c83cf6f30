// A gateway with a login service and a stub in the place of the chat service, each a process of its own.

import { join } from "node:path";
import { spawnChild } from "./lifetime.ts";
import { clusterServer, onBenchCluster } from "./cluster.ts";
import type { Server } from "./target.ts";

const size = { discovery: 1, gateways: 1, logins: 1, chats: 0 } as const;

/** Starts it, works on it, ends it. */
export function onStubCluster<T>(work: (server: Server) => Promise<T>): Promise<T> {
  let stub = { name: "stub", pid: 0 };
  return onBenchCluster(
    {
      size,
      store: undefined,
      async beside({ processes, folder }) {
        const [registry = ""] = processes.registry;
        const words = [join(import.meta.dir, "stub-chat.ts"), registry, join(folder, "cluster-key")];
        const child = spawnChild([process.execPath, ...words], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
        stub = { name: "stub", pid: child.pid };
        const { done } = await child.stdout.getReader().read();
        if (done) throw new Error("the stub of the chat service did not start");
        return async () => {
          child.kill("SIGKILL");
          await child.exited;
        };
      },
    },
    (cluster) => {
      const server = clusterServer(cluster);
      // The gateway is what is measured: the others are shown, and their shares do not count as its own.
      return work({ ...server, processes: [...server.processes, stub], topology: "gateway", store: "none" });
    },
  );
}

// A server whose store holds many messages before it starts. They go there through the store's own
// interface, from a process of its own: no clients, no links.

import { join } from "node:path";
import type { OnServer } from "../bench.ts";
import { spawnChild } from "../server/lifetime.ts";
import { measuredLimits } from "../server/limits.ts";
import { type Prepare, startServer } from "../server/standalone.ts";
import type { Order } from "./sync-filler.ts";

/** What happened before the clients came. */
export interface Start {
  fillSeconds: number;
  /** From exec to the first 200 of /health. */
  readyMs: number;
}

/** Starts a server on a store that was filled as ordered; `start` is given the time that this took. */
export function onFilledServer(
  order: Omit<Order, "path" | "app">,
  start: Start,
  tell: (done: number) => void,
): OnServer {
  return async (work) => {
    const prepare: Prepare = async (folder, app) => {
      const startMs = performance.now();
      await fill({ ...order, app, path: join(folder, "messages.db") }, tell);
      start.fillSeconds = (performance.now() - startMs) / 1000;
    };
    const server = await startServer(prepare, { limits: measuredLimits });
    start.readyMs = server.readyMs;
    try {
      return await work(server);
    } finally {
      await server.stop();
    }
  };
}

async function fill(order: Order, tell: (done: number) => void): Promise<void> {
  const child = spawnChild([process.execPath, join(import.meta.dir, "sync-filler.ts"), JSON.stringify(order)], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "inherit",
    ipc: (done: unknown) => {
      if (typeof done === "number") tell(done);
    },
  });
  const status = await child.exited;
  if (status !== 0) throw new Error(`the store could not be filled (exit status ${status ?? child.signalCode})`);
}

// Ports of loopback that nobody listens at now, and that stay free while their owner is away for a moment: they are below
// those that the system gives to outgoing connections.

import { createServer } from "node:net";

const lowest = 10_000;
/** Where Linux begins with the ports of outgoing connections, unless it was told otherwise. */
const ephemeral = 32_768;
const triesMax = 1_000;

/** So many different ones. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  for (let tries = 0; ports.size < count && tries < triesMax; tries++) {
    const port = lowest + Math.floor(Math.random() * (ephemeral - lowest));
    if (await isFree(port)) ports.add(port);
  }
  if (ports.size < count) throw new Error(`there are no ${count} free ports between ${lowest} and ${ephemeral}`);
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.on("error", () => resolve(false));
  server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  return promise;
}

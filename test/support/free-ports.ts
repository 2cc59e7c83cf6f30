// Ports of loopback that nobody listens at now.

import { createServer, type Server } from "node:net";

/** So many different ones. */
export async function freePorts(count: number): Promise<number[]> {
  // All are held until all are known, so that they differ.
  const servers = await Promise.all(Array.from({ length: count }, listening));
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function listening(): Promise<Server> {
  const { promise, resolve, reject } = Promise.withResolvers<Server>();
  const server = createServer();
  server.on("error", reject);
  server.listen(0, "127.0.0.1", () => resolve(server));
  return promise;
}

// Ports of loopback that nobody listens at now, and that stay free while their owner is away for a moment: they are
// below those that the system gives to outgoing connections.

import { createServer } from "node:net";

const lowest = 10_000;
/** Where Linux begins with the ports of outgoing connections, unless it was told otherwise. */
const ephemeral = 32_768;
const triesMax = 1_000;
/** Shares of all these ports: test files that run at the same time never look for one in the same share. */
const shares = 16;
const portsPerShare = Math.floor((ephemeral - lowest) / shares);

/** Where the next one is looked for: none is given again soon, because its server may not listen yet. */
let next = Math.floor(Math.random() * (ephemeral - lowest));

/** The ports to choose from: those of one share in a process of a pool (`bun test --parallel`), else all. */
function range(): { readonly first: number; readonly count: number } {
  const worker = Number(process.env["BUN_TEST_WORKER_ID"] ?? 0);
  if (worker === 0) return { first: lowest, count: ephemeral - lowest };
  return { first: lowest + ((worker - 1) % shares) * portsPerShare, count: portsPerShare };
}

/** So many different ones. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  const { first, count: choice } = range();
  for (let tries = 0; ports.size < count && tries < triesMax; tries++) {
    const port = first + (next++ % choice);
    if (await isFree(port)) ports.add(port);
  }
  if (ports.size < count) throw new Error(`there are no ${count} free ports of ${choice} from ${first} on`);
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.on("error", () => resolve(false));
  server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  return promise;
}

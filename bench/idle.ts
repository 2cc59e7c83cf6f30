// Scenario `idle`: what a signed-in connection that says nothing costs the server.

import { LoadClient } from "./load-client.ts";
import { residentBytes } from "./process-usage.ts";
import type { Result } from "./report.ts";
import type { Target } from "./server.ts";

/** Sign-ins under way at once. */
const abreast = 100;
/** After the last sign-in, until memory is read: garbage of the storm is collected by then. */
const settleMs = 10_000;

/** Holds `connections` of them. Throws when the server cannot be looked into or loses one. */
export async function runIdle(target: Target, connections: number): Promise<Result> {
  const [server] = target.processes;
  if (server === undefined) throw new Error("idle measures the server's memory: let the bench start the server");
  const warm = await LoadClient.connect(target, "idle-warm", ignore);
  await Bun.sleep(1_000);
  const before = residentBytes(server.pid);
  const clients: LoadClient[] = [warm];
  for (let index = 0; index < connections; index += abreast) {
    const names = Array.from(
      { length: Math.min(abreast, connections - index) },
      (_, offset) => `idle-${index + offset}`,
    );
    clients.push(...(await Promise.all(names.map((name) => LoadClient.connect(target, name, ignore)))));
  }
  await Bun.sleep(settleMs);
  const after = residentBytes(server.pid);
  for (const client of clients) client.disconnect();
  return {
    scenario: "idle",
    transport: "tcp",
    store: target.store,
    connections,
    server_rss_mb: Math.round(after / 2 ** 20),
    bytes_per_connection: Math.round((after - before) / connections),
    valid: true,
  };
}

const ignore = {
  answered() {},
  delivered() {},
  lost(reason: string): void {
    throw new Error(`${reason} in the middle of the run`);
  },
};

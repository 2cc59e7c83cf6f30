// Scenario `returns`: a gateway dies with all of its clients, who are those of the library in src/sdk/ and know two
// URLs. What counts is how long each was away: from the kill to its sign-in at the other gateway. Then each says
// something to its neighbour, which has to arrive.

import { until } from "../../scripts/harness/until.ts";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { CloseCode } from "../../src/wire/close-reason.ts";
import { inBatches } from "../generator/in-batches.ts";
import type { Load } from "../generator/load.ts";
import { Latency } from "../latency.ts";
import { cpuSeconds } from "../process-usage.ts";
import type { Findings } from "../result.ts";
import type { Scenario } from "../scenario.ts";
import { type BenchCluster, onBenchCluster } from "../server/cluster.ts";

const connectionsDefault = 5_000;
const size = { discovery: 1, gateways: 2, logins: 1, chats: 1 } as const;
/** Sign-ins and talks under way at once. */
const abreast = 100;
/** Whoever is not back after this does not come back. */
const backMsMax = 60_000;

/**
 * In the generator: `connections`, `store`. Throws when a client does not come back, is refused for good, or is not
 * heard.
 */
export function loadReturns({ settings, tell }: Load): Promise<Findings[]> {
  const { connections, store } = settings;
  return onBenchCluster({ size, store: store ?? undefined }, async (cluster) => [
    await measure(cluster, connections, tell),
  ]);
}

async function measure(cluster: BenchCluster, connections: number, tell: Load["tell"]): Promise<Findings> {
  const { processes } = cluster;
  const [dying = "", other = ""] = processes.names("gateway");
  const url = processes.gateways.map(({ tcp }) => `tcp://${tcp}`);
  const account = (index: number): string => `returning-${index % connections}`;
  const backAtMs = new Float64Array(connections);
  const heard = new Set<string>();
  let refusals = 0;
  let tries = 0;
  // Everybody is at the first one when it dies.
  await processes.end(other, "SIGTERM");
  const clients = await inBatches(
    connections,
    abreast,
    (index) =>
      RoostClient.connect({
        url,
        token: () => processes.token(account(index)),
        device: "bench",
        on: {
          online: () => void (backAtMs[index] = performance.now()),
          offline: ({ reason }) => {
            // Each is followed by a try.
            tries++;
            if (reason.code !== CloseCode.Abnormal) refusals++;
          },
          message: ({ body }) => void heard.add(body),
        },
      }),
    (done) => tell("signing in", done),
  );
  try {
    await processes.start(other);
    await processes.ready();
    [refusals, tries] = [0, 0];
    const cpuBefore = cpuSeconds(process.pid);
    const diedMs = performance.now();
    await processes.end(dying, "SIGKILL");
    const away = (): number => backAtMs.reduce((count, atMs) => (atMs > diedMs ? count : count + 1), 0);
    await until(
      () => {
        tell("coming back", 1 - away() / connections);
        return away() === 0;
      },
      "everybody is back",
      backMsMax,
    );
    const generator = (cpuSeconds(process.pid) - cpuBefore) / ((performance.now() - diedMs) / 1000);
    const latency = new Latency();
    for (const atMs of backAtMs) latency.record(diedMs, atMs);
    await inBatches(
      connections,
      abreast,
      async (index) => clients[index]?.talkToUser(account(index + 1), { body: `from ${index}` }),
      (done) => tell("talking", done),
    );
    await until(() => heard.size === connections, "everybody is heard", backMsMax);
    return {
      transport: "tcp",
      topology: "processes",
      store: cluster.store,
      connections,
      sent: connections,
      answered: connections,
      delivered: heard.size,
      lost: 0,
      ...latency.fields(),
      tries,
      refused: refusals,
      generator_cpu: generator,
      valid: true,
    };
  } finally {
    await inBatches(connections, abreast, async (index) => clients[index]?.close());
  }
}

export const returns: Scenario = {
  name: "returns",
  takesUrl: false,
  run: (bench) =>
    bench.measureAlone("returns", "returns", { connections: bench.options.connections ?? connectionsDefault }),
};

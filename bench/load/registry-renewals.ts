// Scenario `registry-renewals`: three nodes that all hold 30,000 instances, each renewed every 30 s at the node that
// its client has chosen. What that costs each node in CPU and memory.

import type { Load, LoadSettings } from "../generator/load.ts";
import { isGeneratorFree, sharesBetween } from "../generator/usage.ts";
import { Latency } from "../latency.ts";
import { residentBytes } from "../process-usage.ts";
import { RegistryCluster } from "../registry/cluster.ts";
import { assertOk, HttpPool } from "../registry/http-connection.ts";
import { instancesOf, registerAll, renewRequest } from "../registry/instances.ts";
import type { Findings } from "../result.ts";
import type { Scenario } from "../scenario.ts";

const nodeCount = 3;
const serviceCount = 300;
const instancesPerService = 100;
const renewMs = 30_000;
const registerConnections = 16;
/** Keep-alive connections to each node. */
const connections = 100;
/** What is due is sent this often. */
const paceMs = 2;
const trialServiceCount = 3;
const drainMsMax = 10_000;
const sampleMs = 1_000;

/** One result a node. Throws when a renewal fails, or an instance is lost. */
export async function loadRenewals({ settings, tell }: Load): Promise<Findings[]> {
  const cluster = await RegistryCluster.start(nodeCount);
  try {
    return await measure(cluster, settings, tell);
  } finally {
    await cluster.stop();
  }
}

async function measure(
  cluster: RegistryCluster,
  { seconds, isTrial }: LoadSettings,
  tell: Load["tell"],
): Promise<Findings[]> {
  const { nodes } = cluster;
  // One renewal of each instance.
  const warmUpMs = isTrial ? 0 : renewMs;
  const instances = Array.from({ length: isTrial ? trialServiceCount : serviceCount }, (_, index) =>
    instancesOf(`bench.service${index}`, instancesPerService),
  ).flat();
  const instanceCount = instances.length;
  const renewalsPerSecond = (instanceCount * 1000) / renewMs;
  await Promise.all(
    nodes.map(({ port }, node) =>
      registerAll(
        port,
        instances.filter((_, index) => index % nodeCount === node),
        registerConnections,
      ),
    ),
  );
  await cluster.listed(instanceCount);

  const requests = instances.map(renewRequest);
  const pools = await Promise.all(nodes.map(({ port }) => HttpPool.connect(port, connections)));
  const latencies = nodes.map(() => new Latency());
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined);
  const startMs = performance.now();
  const [fromMs, untilMs] = [startMs + warmUpMs, startMs + warmUpMs + seconds * 1000];
  const renewals = { sent: 0, answered: 0 };
  const renew = async (renewal: number, dueMs: number): Promise<void> => {
    const index = renewal % instanceCount;
    const node = index % nodeCount;
    const [request, pool] = [requests[index], pools[node]];
    if (request === undefined || pool === undefined) throw new Error(`there is no instance ${index}`);
    assertOk(await pool.ask(request));
    renewals.answered++;
    if (dueMs >= fromMs && dueMs < untilMs) latencies[node]?.record(dueMs, performance.now());
  };
  const pacer = setInterval(() => {
    const due = ((performance.now() - startMs) / 1000) * renewalsPerSecond;
    for (; renewals.sent < due; renewals.sent++)
      renew(renewals.sent, startMs + (renewals.sent / renewalsPerSecond) * 1000).catch(failure.reject);
  }, paceMs);

  tell("warming up", 0);
  await Promise.race([Bun.sleep(warmUpMs), failure.promise]);
  const before = cluster.usage();
  const residentMax = nodes.map(() => 0);
  while (performance.now() < untilMs) {
    await Promise.race([Bun.sleep(Math.min(sampleMs, untilMs - performance.now())), failure.promise]);
    tell("measuring", 1 - (untilMs - performance.now()) / (seconds * 1000));
    for (const [node, { pid }] of nodes.entries())
      residentMax[node] = Math.max(residentMax[node] ?? 0, residentBytes(pid));
  }
  const shares = sharesBetween(before, cluster.usage());
  clearInterval(pacer);
  const endMs = performance.now() + drainMsMax;
  const { sent } = renewals;
  while (renewals.answered < sent && performance.now() < endMs) await Promise.race([Bun.sleep(20), failure.promise]);
  for (const pool of pools) pool.close();
  if (renewals.answered < sent) throw new Error(`of ${sent} renewals ${renewals.answered} were answered`);
  await cluster.listed(instanceCount);

  return nodes.map((_, node) => {
    const latency = latencies[node] ?? new Latency();
    return {
      transport: "http",
      topology: "discovery",
      node: String(node + 1),
      connections,
      rate: renewalsPerSecond,
      seconds,
      answered: latency.count,
      ...latency.fields(),
      server_cpu: shares.processes[node] ?? 0,
      generator_cpu: shares.generator,
      server_rss_mb: Math.round((residentMax[node] ?? 0) / 2 ** 20),
      valid: isGeneratorFree(shares) && latency.count > 0,
      ...(latency.count > 0 ? {} : { doubt: "no renewal was due while it was measured" }),
    };
  });
}

export const registryRenewals: Scenario = {
  name: "registry-renewals",
  takesUrl: false,
  run: (bench) => bench.measureAlone("registry-renewals", "registry-renewals", {}),
};

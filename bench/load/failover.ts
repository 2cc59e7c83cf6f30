// Scenario `failover`: fifty clients talk while chat nodes are killed and come back, one after another; then a third
// node joins. What counts is what a client sees: how long it was without a Success when its node died.

import { until } from "../../scripts/harness/until.ts";
import type { Load } from "../generator/load.ts";
import { Talker } from "../generator/talker.ts";
import { Latency } from "../latency.ts";
import { cpuSeconds } from "../process-usage.ts";
import type { Findings } from "../result.ts";
import type { Scenario } from "../scenario.ts";
import { type BenchCluster, onBenchCluster } from "../server/cluster.ts";

const clients = 50;
/** The last of the three joins in the end. */
const size = { discovery: 1, gateways: 1, logins: 2, chats: 3 } as const;
/** Everybody has had an answer, and answers are as fast as they were: then it goes on. */
const steadyMs = 300;
/**
 * Chance may give a node that joins more than its share: this many standard deviations, which one run in 700 exceeds.
 */
const deviations = 3;

/** In the generator: `kills`, `store`. Throws when a message is lost, or a client is moved that need not be. */
export function loadFailover({ settings, tell }: Load): Promise<Findings[]> {
  const { kills, store } = settings;
  return onBenchCluster({ size, store: store ?? undefined }, async (cluster) => [await measure(cluster, kills, tell)]);
}

async function measure(cluster: BenchCluster, kills: number, tell: Load["tell"]): Promise<Findings> {
  const { processes } = cluster;
  const [first = "", second = "", joining = ""] = processes.names("chat");
  await processes.end(joining, "SIGTERM");
  const url = `tcp://${processes.gateways[0]?.tcp ?? ""}`;
  const talkers = await Promise.all(
    Array.from({ length: clients }, (_, index) =>
      Talker.connect(url, `talker-${index}`, () => processes.token(`talker-${index}`)),
    ),
  );
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined);
  const talking = talkers.map((talker, index) => talker.talkTo(talkers[(index + 1) % clients]?.account ?? ""));
  for (const talk of talking) talk.catch(failure.reject);

  const unlessFailed = <T>(work: Promise<T>): Promise<T> => Promise.race([work, failure.promise]);
  await unlessFailed(served(talkers, 2));
  const startMs = performance.now();
  const cpuBefore = cpuSeconds(process.pid);
  for (let kill = 0; kill < kills; kill++) {
    tell("killing", kill / kills);
    await unlessFailed(killOnce(cluster, talkers, kill % 2 ? second : first));
  }
  const moved = await unlessFailed(join(cluster, talkers, joining));
  const generator = (cpuSeconds(process.pid) - cpuBefore) / ((performance.now() - startMs) / 1000);

  for (const talker of talkers) talker.stop();
  await unlessFailed(Promise.all(talking));
  const neighbourOf = (index: number): Talker | undefined => talkers[(index + 1) % clients];
  const missing = (): string[] =>
    talkers.flatMap(({ stored }, index) => [...stored].filter((name) => !neighbourOf(index)?.received.has(name)));
  const sum = (of: (talker: Talker) => number): number => talkers.reduce((total, talker) => total + of(talker), 0);
  const stored = sum((talker) => talker.stored.size);
  await until(() => missing().length === 0, `all of ${stored} messages have come`);
  await Promise.all(talkers.map((talker) => talker.close()));

  const gaps = new Latency();
  for (const { gapsMs } of talkers) for (const gapMs of gapsMs) gaps.record(0, gapMs);
  return {
    transport: "tcp",
    topology: "processes",
    store: cluster.store,
    connections: clients,
    kills,
    affected: gaps.count,
    ...gaps.fields(),
    others_max_ms: Math.max(...talkers.map(({ waitMsMax }) => waitMsMax)),
    refused: sum(({ refused }) => refused),
    answered: stored,
    delivered: stored,
    lost: 0,
    duplicated: sum(({ duplicated }) => duplicated),
    moved,
    moved_max: movedMax(size.chats),
    generator_cpu: generator,
    valid: generator < 0.9,
  };
}

/** One node dies, and comes back after everybody is served by the other one. */
async function killOnce({ processes }: BenchCluster, talkers: readonly Talker[], name: string): Promise<void> {
  const before = talkers.map(({ node }) => node);
  const gapsBefore = talkers.map(({ gapsMs }) => gapsMs.length);
  for (const talker of talkers) talker.watch();
  await processes.end(name, "SIGKILL");
  const survivors = await served(talkers, 1);
  for (const [index, talker] of talkers.entries()) {
    talker.unwatch();
    const hasLostNode = !survivors.has(before[index] ?? -1);
    if (hasLostNode && talker.gapsMs.length === gapsBefore[index])
      throw new Error(`${talker.account} lost its node without a gap`);
  }
  await processes.start(name);
  await served(talkers, 2);
}

/** One more node; how many clients it took over. Throws when it moved others, or more than chance explains. */
async function join({ processes }: BenchCluster, talkers: readonly Talker[], name: string): Promise<number> {
  const before = talkers.map(({ node }) => node);
  await processes.start(name);
  await served(talkers, size.chats);
  let moved = 0;
  for (const [index, { account, node }] of talkers.entries()) {
    if (node === before[index]) continue;
    if (before.includes(node)) throw new Error(`${account} was moved between nodes that had been there before`);
    moved++;
  }
  if (moved > movedMax(size.chats)) throw new Error(`a node that joined took over ${moved} of ${clients} clients`);
  return moved;
}

/** Waits until this many nodes have served all clients for a moment; returns their numbers. */
async function served(talkers: readonly Talker[], nodes: number): Promise<ReadonlySet<number>> {
  const numbers = (): Set<number> => new Set(talkers.map(({ node }) => node));
  const areServedSince = (sinceMs: number): boolean =>
    talkers.every(({ freshMs }) => freshMs > sinceMs) && numbers().size === nodes;
  const beginMs = performance.now();
  await until(() => areServedSince(beginMs), `${nodes} chat nodes serve everybody`, 30_000);
  const steadyFromMs = performance.now() + steadyMs;
  await until(() => areServedSince(steadyFromMs), `${nodes} chat nodes serve everybody`, 30_000);
  return numbers();
}

/** The share of the last of this many nodes, and what chance may add. */
function movedMax(nodes: number): number {
  const share = 1 / nodes;
  return Math.floor(clients * share + deviations * Math.sqrt(clients * share * (1 - share)));
}

export const failover: Scenario = {
  name: "failover",
  takesUrl: false,
  run: (bench) => bench.measureAlone("failover", "failover", { kills: bench.options.kills ?? 20 }),
};

// Scenario `registry`: one service changes at one of three nodes, at a fixed rate; how long until a watcher at the same
// node and one at another node hold the changed list. Measured from the moment a change was due.

import type { Load, LoadSettings } from "../generator/load.ts";
import { isGeneratorFree, sharesBetween } from "../generator/usage.ts";
import { Latency } from "../latency.ts";
import { residentBytes } from "../process-usage.ts";
import { RegistryCluster } from "../registry/cluster.ts";
import { assertOk, HttpConnection } from "../registry/http-connection.ts";
import { instancesOf, registerAll, registerRequest } from "../registry/instances.ts";
import { Watcher } from "../registry/watcher.ts";
import type { Findings } from "../result.ts";
import type { Scenario } from "../scenario.ts";
import { untilDue } from "../until-due.ts";

const nodeCount = 3;
const appid = "bench.changes";
/** Instances of the service; they change in turn. */
const instanceCount = 10;
const changesPerSecond = 50;
const drainMsMax = 10_000;

/** What the watcher of one node has seen. */
class Audience {
  readonly latency = new Latency();
  /** By instance: the number of the last change of it that is known here. */
  private readonly known = Array.from({ length: instanceCount }, (_, number) => number - instanceCount);
  private readonly dueMs: readonly number[];
  private readonly isMeasured: (dueMs: number) => boolean;

  constructor(dueMs: readonly number[], isMeasured: (dueMs: number) => boolean) {
    this.dueMs = dueMs;
    this.isMeasured = isMeasured;
  }

  /** A list: a change that a later one of the same instance overtook counts as known now. */
  listed(body: Buffer): void {
    const nowMs = performance.now();
    for (const [, text = ""] of body.toString().matchAll(/"change":"(\d+)"/g)) {
      const change = Number(text);
      const number = change % instanceCount;
      for (let at = (this.known[number] ?? 0) + instanceCount; at <= change; at += instanceCount) {
        this.known[number] = at;
        const dueMs = this.dueMs[at] ?? nowMs;
        if (this.isMeasured(dueMs)) this.latency.record(dueMs, nowMs);
      }
    }
  }

  /** Changes up to `count` that it has not seen. */
  missing(count: number): number {
    let missing = 0;
    for (const [number, known] of this.known.entries())
      for (let at = number; at < count; at += instanceCount) if (at > known) missing++;
    return missing;
  }
}

/** Two results: of the node that takes the changes, and of the two others. Throws when a change never arrives. */
export async function loadChanges({ settings }: Load): Promise<Findings[]> {
  const cluster = await RegistryCluster.start(nodeCount);
  try {
    return await measure(cluster, settings);
  } finally {
    await cluster.stop();
  }
}

async function measure(cluster: RegistryCluster, { seconds, warmUpMs }: LoadSettings): Promise<Findings[]> {
  const [first] = cluster.nodes;
  if (first === undefined) throw new Error("there is no node");
  await registerAll(first.port, instancesOf(appid, instanceCount), 1);
  await cluster.listed(instanceCount);

  const startMs = performance.now();
  const [fromMs, untilMs] = [startMs + warmUpMs, startMs + warmUpMs + seconds * 1000];
  const dueMs: number[] = [];
  const isMeasured = (due: number): boolean => due >= fromMs && due < untilMs;
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined);
  const audiences = cluster.nodes.map(() => new Audience(dueMs, isMeasured));
  const watchers: Watcher[] = [];
  for (const [index, { port }] of cluster.nodes.entries()) {
    const options = { port, appid, name: `watcher-${index}`, tailBytesMax: 64 * 1024 };
    watchers.push(await Watcher.start(options, (body) => audiences[index]?.listed(body), failure.reject));
  }

  const writer = await HttpConnection.connect(first.port);
  let before = cluster.usage();
  let isWarm = false;
  for (let change = 0; ; change++) {
    const due = startMs + (change * 1000) / changesPerSecond;
    if (due >= untilMs) break;
    dueMs.push(due);
    await Promise.race([untilDue(due), failure.promise]);
    if (!isWarm && due >= fromMs) {
      isWarm = true;
      before = cluster.usage();
    }
    const request = registerRequest({ appid, number: change % instanceCount }, { change: String(change) });
    assertOk(await Promise.race([writer.ask(request), failure.promise]));
  }
  const shares = sharesBetween(before, cluster.usage());
  const missing = (): number => audiences.reduce((total, audience) => total + audience.missing(dueMs.length), 0);
  const endMs = performance.now() + drainMsMax;
  while (missing() > 0 && performance.now() < endMs) await Promise.race([Bun.sleep(20), failure.promise]);
  for (const watcher of watchers) watcher.close();
  writer.close();
  if (missing() > 0) throw new Error(`${missing()} changes never reached a watcher`);

  const others = new Latency();
  const [same, ...rest] = audiences;
  for (const { latency } of rest) others.add(latency);
  const result = (node: string, latency: Latency, pids: readonly number[], cpu: readonly number[]): Findings => ({
    transport: "http",
    topology: "discovery",
    node,
    rate: changesPerSecond,
    seconds,
    answered: latency.count,
    ...latency.fields(),
    server_cpu: Math.max(...cpu),
    generator_cpu: shares.generator,
    server_rss_mb: Math.round(Math.max(...pids.map(residentBytes)) / 2 ** 20),
    valid: isGeneratorFree(shares),
  });
  const pids = cluster.nodes.map(({ pid }) => pid);
  return [
    result("same", same?.latency ?? new Latency(), pids.slice(0, 1), shares.processes.slice(0, 1)),
    result("other", others, pids.slice(1), shares.processes.slice(1)),
  ];
}

export const registry: Scenario = {
  name: "registry",
  takesUrl: false,
  run: (bench) => bench.measureAlone("registry", "registry", {}),
};

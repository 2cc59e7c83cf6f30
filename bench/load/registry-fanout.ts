// Scenario `registry-fanout`: a thousand watchers of one service while 10,000 instances of it register as fast as they
// can; how long another client's small fetch takes meanwhile, and when all watchers hold the whole list.

import { join } from "node:path";
import type { Load } from "../generator/load.ts";
import { isGeneratorFree, sharesBetween } from "../generator/usage.ts";
import { cpuSeconds, residentBytesPeak } from "../process-usage.ts";
import { RegistryCluster, type RegistryProcess } from "../registry/cluster.ts";
import { parseProbed, type Probed } from "../registry/fetch-probe.ts";
import { HttpConnection } from "../registry/http-connection.ts";
import { fetchRequest, instancesOf, registerAll } from "../registry/instances.ts";
import { Watcher } from "../registry/watcher.ts";
import type { Findings } from "../result.ts";
import type { Scenario } from "../scenario.ts";
import { spawnChild } from "../server/lifetime.ts";

const whole = { watcherCount: 1_000, instanceCount: 10_000 } as const;
const trial = { watcherCount: 10, instanceCount: 100 } as const;
const connections = 16;
const appid = "bench.large";
const smallAppid = "bench.small";
const smallInstances = 10;
/** All of it together: without renewals, leases end after 90 s. */
const runMsMax = 60_000;
/** The registry's refusal of a long answer while too many wait to be read, and for how long it is asked again. */
const busyAnswer = '{"code":-509,';
const busyMsMax = 20_000;
const busyPauseMs = 50;
/** More than the whole list. */
const listBytesMax = 64 * 1024 * 1024;

/** Throws when a watcher does not come to hold the whole list. */
export async function loadFanout({ settings }: Load): Promise<Findings[]> {
  const cluster = await RegistryCluster.start(1);
  try {
    return [await measure(cluster, settings.isTrial ? trial : whole)];
  } finally {
    await cluster.stop();
  }
}

async function measure(
  cluster: RegistryCluster,
  { watcherCount, instanceCount }: { readonly watcherCount: number; readonly instanceCount: number },
): Promise<Findings> {
  const [node] = cluster.nodes;
  if (node === undefined) throw new Error("there is no node");
  await registerAll(node.port, instancesOf(smallAppid, smallInstances), 1);
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined);
  const watchers: Watcher[] = [];
  for (let index = 0; index < watcherCount; index++) {
    const options = { port: node.port, appid, name: `watcher-${index}` };
    watchers.push(await Watcher.start(options, () => undefined, failure.reject));
  }
  await cluster.polling(watcherCount);

  const probe = await FetchProbe.start(node);
  let registered = 0;
  const late = setTimeout(() => {
    const sentence = `after ${runMsMax} ms ${registered} of ${instanceCount} instances are registered`;
    failure.reject(new Error(`${sentence}, and not all watchers have all of them`));
  }, runMsMax);
  try {
    const before = cluster.usage();
    await Promise.race([
      registerAll(node.port, instancesOf(appid, instanceCount), connections, () => registered++),
      failure.promise,
    ]);
    const registeredMs = performance.now() - before.atMs;
    const version = await finalVersion(node, instanceCount);
    while (watchers.some((watcher) => watcher.version !== version)) {
      await Promise.race([Bun.sleep(5), failure.promise]);
    }
    const settledMs = Math.max(...watchers.map(({ listedAtMs }) => listedAtMs)) - before.atMs;
    const after = cluster.usage();
    const shares = sharesBetween(before, after);
    const { cpu, count, ...latency } = await probe.end();
    return {
      transport: "http",
      topology: "discovery",
      connections: watcherCount + connections + 1,
      answered: count,
      ...latency,
      registered_ms: registeredMs,
      settled_ms: settledMs,
      refused: watchers.reduce((total, { refused }) => total + refused, 0),
      received_mb: Math.round(watchers.reduce((total, { bytes }) => total + bytes, 0) / 2 ** 20),
      server_cpu: shares.busiest,
      generator_cpu: shares.generator + cpu / ((after.atMs - before.atMs) / 1000),
      server_rss_mb: Math.round(residentBytesPeak(node.pid) / 2 ** 20),
      valid: isGeneratorFree(shares),
    };
  } finally {
    clearTimeout(late);
    for (const watcher of watchers) watcher.close();
    await probe.kill();
  }
}

/** The version of the list that holds all instances, which is the last one. */
async function finalVersion({ port }: RegistryProcess, instanceCount: number): Promise<string> {
  const connection = await HttpConnection.connect(port, listBytesMax);
  const endMs = performance.now() + busyMsMax;
  let list = "";
  do {
    if (list !== "") await Bun.sleep(busyPauseMs);
    const { tail } = await connection.ask(fetchRequest(appid));
    list = tail.toString();
    // Watchers that have not read their answers yet may leave no room for another long one.
  } while (list.startsWith(busyAnswer) && performance.now() < endMs);
  connection.close();
  const listed = list.split('"hostname":').length - 1;
  const version = /"latest_timestamp":(\d+)\}\}$/.exec(list)?.[1];
  if (version === undefined || listed !== instanceCount)
    throw new Error(`the registry lists ${listed} of ${instanceCount} instances`);
  return version;
}

/** The client that fetches: a process of its own, so that what the watchers receive does not make it late. */
class FetchProbe {
  private readonly child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  private readonly lines: ReadableStreamDefaultReader<Uint8Array>;
  private readonly cpuBefore: number;

  private constructor(
    child: Bun.Subprocess<"pipe", "pipe", "inherit">,
    lines: ReadableStreamDefaultReader<Uint8Array>,
  ) {
    this.child = child;
    this.lines = lines;
    this.cpuBefore = cpuSeconds(child.pid);
  }

  /** Starts it; it is warm and measures when this resolves. */
  static async start({ port }: RegistryProcess): Promise<FetchProbe> {
    const child = spawnChild(
      [process.execPath, join(import.meta.dir, "../registry/fetch-probe.ts"), String(port), smallAppid],
      {
        stdin: "pipe",
        stdout: "pipe",
        stderr: "inherit",
      },
    );
    const lines = child.stdout.getReader();
    const { done } = await lines.read();
    if (done) throw new Error("the fetching client did not start");
    return new FetchProbe(child, lines);
  }

  /** Ends it; what it found, and the CPU seconds that it took. */
  async end(): Promise<Probed & { cpu: number }> {
    const cpu = cpuSeconds(this.child.pid) - this.cpuBefore;
    await this.child.stdin.end();
    const decoder = new TextDecoder();
    let text = "";
    for (;;) {
      const { done, value } = await this.lines.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
    return { ...parseProbed(text), cpu };
  }

  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.exited;
  }
}

export const registryFanout: Scenario = {
  name: "registry-fanout",
  takesUrl: false,
  run: (bench) => bench.measureAlone("registry-fanout", "registry-fanout", {}),
};

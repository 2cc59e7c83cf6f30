// The load bench's command line; scripts/bench runs it. See README.md beside this file.

import { parseArgs } from "node:util";
import { clusterTarget, onBenchCluster } from "./cluster/bench-cluster.ts";
import { runFailover } from "./cluster/failover.ts";
import { runIdle } from "./idle.ts";
import { runChanges } from "./registry/changes.ts";
import { runDns } from "./registry/dns.ts";
import { runFanout } from "./registry/fanout.ts";
import { runRenewals } from "./registry/renewals.ts";
import { describe, type Result, writeFigures } from "./report.ts";
import { parseTcpUrl, startServer, type StartedServer, type Target } from "./server.ts";
import { runTalk } from "./talk.ts";

const scenarios = [
  "startup",
  "talk",
  "idle",
  "cluster-talk",
  "failover",
  "registry",
  "registry-renewals",
  "registry-dns",
  "registry-fanout",
] as const;
const startupRuns = 7;

const { values } = parseArgs({
  options: {
    scenario: { type: "string" },
    url: { type: "string" },
    secret: { type: "string" },
    app: { type: "string", default: "bench" },
    senders: { type: "string", default: "50" },
    window: { type: "string", default: "32" },
    connections: { type: "string", default: "10000" },
    store: { type: "string" },
    kills: { type: "string", default: "20" },
    seconds: { type: "string", default: "10" },
    json: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
  },
});

function positive(name: "senders" | "window" | "connections" | "seconds" | "kills"): number {
  const value = Number(values[name]);
  if (!Number.isInteger(value) || value <= 0) throw new Error(`--${name} takes a whole number above 0`);
  return value;
}

/** Runs on the server that --url names, or on a fresh one of ours. */
async function onServer<T>(work: (target: Target) => Promise<T>): Promise<T> {
  const { url, secret, app } = values;
  if (url !== undefined) {
    if (secret === undefined) throw new Error("--url needs --secret, the key of that server's tokens");
    return work({
      tcp: parseTcpUrl(url),
      secret: new TextEncoder().encode(secret),
      app,
      processes: [],
      store: "unknown",
    });
  }
  const server: StartedServer = await startServer();
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
}

/** Runs on a fresh cluster with a process of each role. */
function onCluster<T>(work: (target: Target) => Promise<T>): Promise<T> {
  const size = { discovery: 1, gateways: 1, logins: 1, chats: 1 };
  return onBenchCluster({ size, store: values.store }, (cluster) => work(clusterTarget(cluster)));
}

async function talk(scenario: "talk" | "cluster-talk"): Promise<Result[]> {
  const on = scenario === "talk" ? onServer : onCluster<Result[]>;
  const options = { scenario, senders: positive("senders"), window: positive("window"), seconds: positive("seconds") };
  const run = Date.now().toString(36);
  const closed = await on((target) => runTalk(target, { ...options, rate: 0, run: `${run}c` }));
  const rate = Math.round((closed[0]?.per_second ?? 0) / 2);
  const open = await on((target) => runTalk(target, { ...options, rate, run: `${run}o` }));
  return [...closed, ...open];
}

async function startup(): Promise<Result[]> {
  const readyMs: number[] = [];
  for (let run = 0; run < startupRuns; run++) {
    const server = await startServer();
    readyMs.push(server.readyMs);
    await server.stop();
  }
  const sorted = readyMs.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(startupRuns / 2)] ?? 0;
  return [
    { scenario: "startup", transport: "tcp", store: "sqlite", p50_ms: median, max_ms: sorted.at(-1) ?? 0, valid: true },
  ];
}

async function runScenario(name: (typeof scenarios)[number]): Promise<Result[]> {
  switch (name) {
    case "talk":
    case "cluster-talk":
      return talk(name);
    case "failover":
      return [await runFailover({ kills: positive("kills"), store: values.store })];
    case "idle":
      return [await onServer((target) => runIdle(target, positive("connections")))];
    case "startup":
      return startup();
    case "registry":
      return runChanges(positive("seconds"));
    case "registry-renewals":
      return runRenewals(positive("seconds"));
    case "registry-dns":
      return runDns(positive("seconds"));
    case "registry-fanout":
      return [await runFanout()];
  }
}

try {
  const chosen = scenarios.filter((name) => values.scenario === undefined || values.scenario === name);
  if (chosen.length === 0) throw new Error(`--scenario takes one of ${scenarios.join(", ")}`);
  const results: Result[] = [];
  for (const name of chosen) {
    for (const result of await runScenario(name)) {
      results.push(result);
      console.log(values.json ? JSON.stringify(result) : describe(result));
    }
  }
  if (values.write) writeFigures(results);
  process.exit(results.every(({ valid }) => valid) ? 0 : 1);
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}

// scripts/cluster: a cluster to try things with.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { ProcessCluster } from "./process-cluster.ts";
import { hasPostgres, PostgresServer } from "./postgres.ts";
import { isRedisMissing, RedisServer } from "./redis.ts";

const { values } = parseArgs({
  options: { postgres: { type: "boolean" }, redis: { type: "boolean" }, data: { type: "string" } },
});
const folder = values.data === undefined ? mkdtempSync(join(tmpdir(), "roost-cluster-")) : resolve(values.data);
mkdirSync(folder, { recursive: true });
const endings: (() => unknown)[] = [];
if (values.data === undefined) endings.push(() => rmSync(folder, { recursive: true, force: true }));

async function end(status: number): Promise<never> {
  for (const ending of endings.toReversed()) await ending();
  process.exit(status);
}

process.on("SIGINT", () => void end(0));
process.on("SIGTERM", () => void end(0));

if (values.redis === true && isRedisMissing) {
  console.error("cluster: neither redis-server nor valkey-server is installed; apt-get install redis-server");
  await end(1);
}
if (values.postgres === true && !hasPostgres) {
  console.error("cluster: PostgreSQL is not installed; apt-get install postgresql");
  await end(1);
}
const postgres = values.postgres === true ? await PostgresServer.start() : undefined;
endings.push(() => postgres?.stop());
const redis = values.redis === true ? await RedisServer.start() : undefined;
endings.push(() => redis?.kill());
const cluster = await ProcessCluster.start({
  folder,
  size: { discovery: 3, gateways: 2, logins: 2, chats: 2 },
  store: await postgres?.makeDatabase(),
  sessions: redis?.url(),
});
endings.push(() => cluster.stop("SIGTERM"));

const [gateway] = cluster.gateways;
const alice = await cluster.token("alice", "default");
const bob = await cluster.token("bob", "default");
console.log(`a cluster of nine processes is ready; its data are in ${folder}

  websocket  ${cluster.gateways.map(({ ws }) => `ws://${ws}`).join("  ")}
  tcp        ${cluster.gateways.map(({ tcp }) => `tcp://${tcp}`).join("  ")}
  registry   ${cluster.registry.join("  ")}

Try, in other terminals:
  scripts/start nodes --watch --discovery ${cluster.registry.join(",")}
  scripts/start chat --url ws://${gateway?.ws} --account alice --to bob --token ${alice}
  scripts/start chat --url ws://${cluster.gateways[1]?.ws} --account bob --to alice --token ${bob}

Ctrl-C ends it all.`);

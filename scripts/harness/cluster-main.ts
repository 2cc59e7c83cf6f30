// scripts/cluster: a cluster to try things with. All that it starts ends with it: by Ctrl-C, when its terminal is
// closed, and when it is killed.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { ProcessCluster } from "./process-cluster.ts";
import { hasPostgres, PostgresServer } from "./postgres.ts";
import { isRedisMissing, RedisServer } from "./redis.ts";
import { removeAfterwards } from "./with-parent.ts";

const usage = `Starts a cluster on this machine, from source: three registry nodes, two gateways, two login and
two chat nodes. Prints where they are; Ctrl-C ends it all.

USAGE scripts/cluster [OPTIONS]

  --postgres   keep messages in a PostgreSQL that is started, too, and not in SQLite
               (Debian package postgresql)
  --redis      keep sessions in a Redis that is started, too, and not in SQLite
               (Debian package redis-server)
  --data DIR   keep keys, data and logs there, and leave them; else they go into a folder that
               is removed at the end
  --help       show this`;

interface Wishes {
  readonly postgres: boolean;
  readonly redis: boolean;
  readonly data: string | undefined;
}

const endings: (() => unknown)[] = [];

async function end(status: number): Promise<never> {
  for (const ending of endings.splice(0).toReversed()) await ending();
  process.exit(status);
}

function complain(sentence: string, status: number): Promise<never> {
  console.error(`cluster: ${sentence}`);
  return end(status);
}

/** What the words wish; undefined after --help. Throws a sentence. */
function wishesOf(words: readonly string[]): Wishes | undefined {
  const { values } = parseArgs({
    args: [...words],
    options: {
      postgres: { type: "boolean", default: false },
      redis: { type: "boolean", default: false },
      data: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const { postgres, redis, data, help } = values;
  return help ? undefined : { postgres, redis, data };
}

function folderOf(data: string | undefined): string {
  if (data !== undefined) {
    const folder = resolve(data);
    mkdirSync(folder, { recursive: true });
    return folder;
  }
  const folder = mkdtempSync(join(tmpdir(), "roost-cluster-"));
  endings.push(() => rmSync(folder, { recursive: true, force: true }));
  removeAfterwards(folder);
  return folder;
}

async function start({ postgres, redis, data }: Wishes): Promise<void> {
  if (redis && isRedisMissing)
    await complain("neither redis-server nor valkey-server is installed; apt-get install redis-server", 1);
  if (postgres && !hasPostgres) await complain("PostgreSQL is not installed; apt-get install postgresql", 1);
  const folder = folderOf(data);
  const database = postgres ? await PostgresServer.start() : undefined;
  endings.push(() => database?.stop());
  const sessions = redis ? await RedisServer.start() : undefined;
  endings.push(() => sessions?.remove());
  const cluster = await ProcessCluster.start({
    folder,
    size: { discovery: 3, gateways: 2, logins: 2, chats: 2 },
    store: await database?.makeDatabase(),
    sessions: sessions?.url(),
    logs: folder,
  });
  endings.push(() => cluster.stop("SIGTERM"));
  console.log(await readyText(cluster, folder));
}

async function readyText(cluster: ProcessCluster, folder: string): Promise<string> {
  const [first, second] = cluster.gateways;
  const secret = `secret-file = ${JSON.stringify(join(folder, "secret"))}`;
  const clients = [first, second].map((gateway, at) => {
    const path = join(folder, `client-${at + 1}.toml`);
    writeFileSync(path, `url = "ws://${gateway?.ws}"\n${secret}\n`);
    return path;
  });
  const registry = join(folder, "registry.toml");
  writeFileSync(registry, `discovery = "${cluster.registry.join(",")}"\n`);
  const rows = cluster.names().map((name) => {
    const pid = String(cluster.process(name)?.pid ?? "");
    return `  ${name.padEnd(12)} ${pid.padEnd(8)} ${cluster.shownAddress(name)}`;
  });
  return `a cluster of ${rows.length} processes is ready; its data and logs (NAME.log) are in ${folder}

  ${"name".padEnd(12)} ${"pid".padEnd(8)} address
${rows.join("\n")}

Try, in other terminals:
  scripts/start nodes --watch --config ${registry}
  scripts/start chat --config ${clients[0]} --account alice --to bob
  scripts/start chat --config ${clients[1]} --account bob --to alice

Ctrl-C ends it all.`;
}

// A closed terminal sends SIGHUP.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void end(0));

let wishes: Wishes | undefined;
try {
  wishes = wishesOf(process.argv.slice(2));
} catch (error) {
  await complain(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`, 2);
}
if (wishes === undefined) console.log(usage);
else {
  try {
    await start(wishes);
  } catch (error) {
    await complain(error instanceof Error ? error.message : String(error), 1);
  }
}

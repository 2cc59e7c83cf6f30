// scripts/cluster: a cluster to try things with. All that it starts ends with it: by Ctrl-C, when its terminal is
// closed, and when it is killed.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { PatroniCluster } from "./patroni/cluster.ts";
import { ProcessCluster } from "./process-cluster.ts";
import { hasPostgres, PostgresServer } from "./postgres.ts";
import { isRedisMissing, RedisServer } from "./redis.ts";
import { removeAfterwards } from "./with-parent.ts";

const usage = `Starts a cluster on this machine, from source: three registry nodes, two gateways, two login and
two chat nodes. Prints where they are; Ctrl-C ends it all.

USAGE scripts/cluster [OPTIONS]

  --postgres   keep messages in a PostgreSQL that is started, too, and not in SQLite
               (Debian package postgresql)
  --postgres-ha
               keep messages in three PostgreSQL of which each may die: a commit is held by two, and
               Patroni makes another one the primary (Debian packages postgresql, etcd-server and
               python3-venv; Patroni is installed into .tools/)
  --redis      keep sessions in a Redis that is started, too, and not in SQLite
               (Debian package redis-server)
  --data DIR   keep keys, data and logs there, and leave them; else they go into a folder that
               is removed at the end
  --help       show this`;

interface Wishes {
  readonly postgres: boolean;
  readonly postgresHa: boolean;
  readonly redis: boolean;
  readonly data: string | undefined;
}

/** Between two looks which PostgreSQL is the primary: as often as Patroni itself looks. */
const primaryLookMs = 1_000;

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
      "postgres-ha": { type: "boolean", default: false },
      redis: { type: "boolean", default: false },
      data: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const { postgres, "postgres-ha": postgresHa, redis, data, help } = values;
  if (postgres && postgresHa) throw new Error("--postgres and --postgres-ha are two stores: give one of them");
  return help ? undefined : { postgres, postgresHa, redis, data };
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

async function start({ postgres, postgresHa, redis, data }: Wishes): Promise<void> {
  if (redis && isRedisMissing)
    await complain("neither redis-server nor valkey-server is installed; apt-get install redis-server", 1);
  if (postgres && !hasPostgres) await complain("PostgreSQL is not installed; apt-get install postgresql", 1);
  const folder = folderOf(data);
  const database = postgres ? await PostgresServer.start() : undefined;
  endings.push(() => database?.stop());
  const patroni = postgresHa ? await PatroniCluster.start({ logs: folder }) : undefined;
  endings.push(() => patroni?.stop());
  const sessions = redis ? await RedisServer.start() : undefined;
  endings.push(() => sessions?.remove());
  const cluster = await ProcessCluster.start({
    folder,
    size: { discovery: 3, gateways: 2, logins: 2, chats: 2 },
    store: (await patroni?.makeDatabase()) ?? (await database?.makeDatabase()),
    sessions: sessions?.url(),
    logs: folder,
  });
  endings.push(() => cluster.stop("SIGTERM"));
  console.log(await readyText(cluster, folder, patroni));
  if (patroni !== undefined) await tellOfPrimaries(patroni);
}

/** Says after each change which PostgreSQL is the primary, and how one loses that one, too. */
async function tellOfPrimaries(patroni: PatroniCluster): Promise<never> {
  for (let known = await patroni.primaryOtherThan(); ; await Bun.sleep(primaryLookMs)) {
    const primary = await patroni.primary();
    const pid = primary?.postmasterPid;
    if (primary === undefined || primary === known || pid === undefined) continue;
    known = primary;
    console.log(`\n${primary.name} is the primary now. Lose it when patronictl shows two standbys:\n  kill -9 ${pid}`);
  }
}

/** A line of a table of processes. */
function rowOf(name: string, pid: number | undefined, address: string): string {
  return `  ${name.padEnd(12)} ${String(pid ?? "").padEnd(8)} ${address}`;
}

async function readyText(
  cluster: ProcessCluster,
  folder: string,
  patroni: PatroniCluster | undefined,
): Promise<string> {
  const [first, second] = cluster.gateways;
  const secret = `secret-file = ${JSON.stringify(join(folder, "secret"))}`;
  const clients = [first, second].map((gateway, at) => {
    const path = join(folder, `client-${at + 1}.toml`);
    writeFileSync(path, `url = "ws://${gateway?.ws}"\n${secret}\n`);
    return path;
  });
  const registry = join(folder, "registry.toml");
  writeFileSync(registry, `discovery = "${cluster.registry.join(",")}"\n`);
  const names = cluster.names();
  const rows = names.map((name) => rowOf(name, cluster.process(name)?.pid, cluster.shownAddress(name)));
  return `a cluster of ${names.length} processes is ready; its data and logs (NAME.log) are in ${folder}

  ${"name".padEnd(12)} ${"pid".padEnd(8)} address
${rows.join("\n")}
${patroni === undefined ? "" : await databaseText(patroni)}
Try, in other terminals:
  scripts/start nodes --watch --config ${registry}
  scripts/start chat --config ${clients[0]} --account alice --to bob
  scripts/start chat --config ${clients[1]} --account bob --to alice

Ctrl-C ends it all.`;
}

/** Which PostgreSQL runs where, how one loses the primary, and how one sees which is the next. */
async function databaseText(patroni: PatroniCluster): Promise<string> {
  const primary = await patroni.primaryOtherThan();
  const rows = patroni.members.flatMap(({ name, address, ports, postmasterPid, patroniPid, etcdPid }) => [
    rowOf(name, postmasterPid, `${address}  ${name === primary.name ? "the primary" : "a standby"}`),
    rowOf("  patroni", patroniPid, `http://127.0.0.1:${ports.rest}/cluster`),
    rowOf("  etcd", etcdPid, `127.0.0.1:${ports.etcd}`),
  ]);
  return `
${rows.join("\n")}

The messages are in three PostgreSQL. Lose the primary while people talk, and see which one is the next:
  kill -9 ${primary.postmasterPid}
  ${patroni.patronictl} list
`;
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

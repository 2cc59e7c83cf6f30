// Clusters of two releases, in each mix of roles, over each pair of engines.

import { ClusterStage } from "./cluster-stage.ts";
import { formerRelease } from "./former-release.ts";
import { PostgresServer } from "../../scripts/harness/postgres.ts";
import type { ClusterSize } from "../../scripts/harness/process-cluster.ts";
import { RedisServer } from "../../scripts/harness/redis.ts";

/** Which processes are of the former release at first. */
export const mixes: Record<string, (name: string) => boolean> = {
  "gateways and registry": (name) => name.startsWith("gateway") || name.startsWith("discovery"),
  "login and chat nodes": (name) => name.startsWith("login") || name.startsWith("chat"),
  "one of two nodes of each role": (name) => name.endsWith("-1"),
};

export interface Engines {
  readonly store?: string;
  readonly sessions?: string;
}

/** One PostgreSQL and one Redis for the tests of a file, with a database of its own for each test. */
export class Servers {
  private static started: Promise<Servers> | undefined;
  private readonly postgres: PostgresServer;
  private readonly redis: RedisServer;
  private databases = 0;

  private constructor(postgres: PostgresServer, redis: RedisServer) {
    this.postgres = postgres;
    this.redis = redis;
  }

  static async engines(): Promise<Engines> {
    this.started ??= Promise.all([PostgresServer.start(), RedisServer.start()]).then(
      ([postgres, redis]) => new Servers(postgres, redis),
    );
    const servers = await this.started;
    return { store: await servers.postgres.makeDatabase(), sessions: servers.redis.url(servers.databases++) };
  }

  /** Test files of one run share this class: the next one starts its own. */
  static async stop(): Promise<void> {
    const { started } = this;
    this.started = undefined;
    const servers = await started;
    await servers?.postgres.stop();
    await servers?.redis.remove();
  }
}

/**
 * A cluster of both. Chat nodes of the former release come first: they do not open a store that this one has opened.
 * They come one by one: two of them that make a store at once may take it for another program's.
 */
export async function startMixedCluster(
  size: ClusterSize,
  engines: Engines,
  isFormer: (name: string) => boolean,
): Promise<ClusterStage> {
  const stage = await ClusterStage.prepare(size, engines);
  const { cluster } = stage;
  const start = (names: readonly string[]): Promise<unknown> => Promise.all(names.map((name) => cluster.start(name)));
  try {
    for (const name of cluster.names().filter(isFormer)) cluster.setProgram(name, formerRelease());
    const chats = cluster.names("chat");
    await start(cluster.names("discovery"));
    await cluster.ready();
    for (const name of chats.filter(isFormer)) await cluster.start(name);
    await start([...cluster.names("login"), ...chats.filter((name) => !isFormer(name)), ...cluster.names("gateway")]);
    await cluster.ready();
    return stage;
  } catch (error) {
    await stage.close();
    throw error;
  }
}

// A PostgreSQL primary with two synchronous standbys for a test, and stores that know all three by one URL.

import { afterEach, beforeEach } from "bun:test";
import { createLog } from "../../src/base/log.ts";
import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.ts";
import type { PostgresStoreOptions } from "../../src/store/postgres/postgres-store.ts";
import { StoreUnavailable, type Store } from "../../src/store/store.ts";
import { PostgresServer } from "../../scripts/harness/postgres.ts";
import { until } from "../../scripts/harness/until.ts";
import type { ManualTimers } from "../support/manual-timers.ts";
import { stored, talk } from "./samples.ts";

export interface TestCluster {
  /** The primary at first; the others follow it as s2 and s3, and it would follow them as s1. */
  readonly servers: readonly [PostgresServer, PostgresServer, PostgresServer];
  /** Of all three, the standbys first. */
  readonly url: string;
  readonly database: string;
  /** The lines of all stores' logs, from warnings on. */
  readonly lines: readonly string[];
  readonly open: (change?: Partial<PostgresStoreOptions>) => Promise<Store>;
}

export const quorum = "ANY 1 (s1, s2, s3)";

/** The URL of several servers. */
export function urlOf(servers: readonly PostgresServer[], database: string, user = "postgres"): string {
  const hosts = servers.map(({ port }) => `127.0.0.1:${port}`);
  return `postgres://${user}@${hosts.join(",")}/${database}?target_session_attrs=read-write`;
}

/** Starts a cluster for each test of a `describe` block. */
export function clusterForEach(): TestCluster {
  let servers: [PostgresServer, PostgresServer, PostgresServer] | undefined;
  let database = "";
  const opened: Store[] = [];
  const lines: string[] = [];
  const running = (): [PostgresServer, PostgresServer, PostgresServer] => {
    if (servers === undefined) throw new Error("servers run while tests do");
    return servers;
  };
  const url = (): string => urlOf(running().toReversed(), database);
  beforeEach(async () => {
    lines.length = 0;
    const primary = await PostgresServer.start();
    database = new URL(await primary.makeDatabase()).pathname.slice(1);
    // Standbys copy it: whichever is promoted waits for the others.
    await primary.set({ synchronous_standby_names: quorum });
    servers = [primary, await primary.standby("s2"), await primary.standby("s3")];
  }, 60_000);
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
    await Promise.all(running().map((server) => server.stop()));
  }, 60_000);
  return {
    get servers() {
      return running();
    },
    get url() {
      return url();
    },
    get database() {
      return database;
    },
    lines,
    open: async (change = {}) => {
      const log = createLog("warn", "text", (line) => lines.push(line));
      const store = await openPostgresStore({ url: url(), retentionDays: 15, log, ...change });
      opened.push(store);
      return store;
    },
  };
}

/** Stores a talk, again until that succeeds, under one clientId; returns its id. `time`: the store's own. */
export async function sayUntil(store: Store, clientId: string, time?: ManualTimers): Promise<bigint> {
  let id = 0n;
  await until(async () => {
    try {
      const outcome = (await store.append([talk({ clientId })]))[0];
      id = stored(outcome).messageId;
      return true;
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      time?.advance(1_000);
      return false;
    }
  }, `the talk ${clientId} is stored`);
  return id;
}

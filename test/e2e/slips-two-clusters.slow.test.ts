// Two clusters that were given the same stores: the second one is refused, and the first one serves on.

import { afterEach, describe, expect, test } from "bun:test";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { ClusterStage } from "../support/cluster-stage.ts";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { ProcessCluster } from "../../scripts/harness/process-cluster.ts";
import { isRedisMissing, RedisServer } from "../../scripts/harness/redis.ts";
import { endAll, endings, newFolder, servesRightly } from "./slip-cluster.ts";

afterEach(endAll);

describe.each([
  ["SQLite files", true],
  ["one PostgreSQL and one Redis", hasPostgres && !isRedisMissing],
] as const)("two clusters on %s", (engines, isThere) => {
  for (const slip of ["another key", "another environment"]) {
    test.skipIf(!isThere)(
      `the second one, with ${slip}, is refused at its start, and the first one serves on`,
      async () => {
        const stores = await storesOf(engines === "SQLite files");
        const first = await ClusterStage.start({ gateways: 2 }, stores);
        endings.push(() => first.close());
        const folder = newFolder();
        const isOtherKey = slip === "another key";
        const second = await ProcessCluster.prepare({
          folder,
          size: { discovery: 1, gateways: 1, logins: 1, chats: 1 },
          ...stores,
          words: isOtherKey ? {} : { login: ["--env", "staging"], chat: ["--env", "staging"] },
        });
        endings.push(() => second.stop());
        if (!isOtherKey) copyFileSync(first.path("cluster-key"), join(folder, "cluster-key"));
        await second.start("discovery-1");
        for (const [name, store] of [
          ["login-1", "session store"],
          ["chat-1", "message store"],
        ] as const) {
          const failure = await second.start(name).then(
            () => "it started",
            (error: unknown) => String(error),
          );
          expect(failure).toMatch(new RegExp(`${store} .*belongs to a(?:nother)? cluster`, "i"));
          expect(failure).toContain("--adopt");
        }
        await servesRightly(first);
      },
      120_000,
    );
  }
});

/** Stores that two clusters are given. */
async function storesOf(isSqlite: boolean): Promise<{ readonly store: string; readonly sessions: string }> {
  if (isSqlite) {
    const folder = newFolder();
    return { store: `sqlite:${join(folder, "messages.db")}`, sessions: `sqlite:${join(folder, "sessions.db")}` };
  }
  const postgres = await PostgresServer.start();
  endings.push(() => postgres.stop());
  const redis = await RedisServer.start();
  endings.push(() => redis.remove());
  return { store: await postgres.makeDatabase(), sessions: redis.url() };
}

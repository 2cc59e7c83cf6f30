// Nothing that a cluster has acknowledged is lost, whichever of its processes are killed.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runKills } from "../support/kill-run.ts";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { ProcessCluster } from "../../scripts/harness/process-cluster.ts";
import { Random, testSeed } from "../support/random.ts";
import { isRedisMissing, RedisServer } from "../../scripts/harness/redis.ts";

let folder: string;

let cluster: ProcessCluster | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "roost-cluster-"));
});

afterEach(async () => {
  await cluster?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("no message reported as stored is lost, whichever process is killed", async () => {
  const random = new Random(testSeed("kills"));
  const running = (cluster = await ProcessCluster.start({
    folder,
    size: { discovery: 3, gateways: 2, logins: 2, chats: 2 },
  }));
  const figures = await runKills({ cluster: running, random, clients: 50, kills: 30, pauseMsMax: 1_500 });
  expect(figures.kills).toHaveLength(30);
  expect(figures.stored).toBeGreaterThan(1_000);
  console.log(`${figures.stored} stored, ${figures.refused} refused`);
}, 240_000);

test.skipIf(!hasPostgres || isRedisMissing)(
  "nor when PostgreSQL and Redis are killed and started again in the middle",
  async () => {
    const random = new Random(testSeed("kills with engines"));
    const postgres = await PostgresServer.start();
    const redis = await RedisServer.start();
    try {
      const running = (cluster = await ProcessCluster.start({
        folder,
        size: { discovery: 3, gateways: 2, logins: 2, chats: 2 },
        store: await postgres.makeDatabase(),
        sessions: redis.url(),
      }));
      const inTheMiddle = async (): Promise<void> => {
        await postgres.kill();
        await redis.kill();
        await Bun.sleep(500);
        await Promise.all([postgres.run(), redis.startAgain()]);
      };
      const killRun = { cluster: running, random, clients: 50, kills: 30, pauseMsMax: 1_500, inTheMiddle };
      const figures = await runKills(killRun);
      expect(figures.stored).toBeGreaterThan(1_000);
      console.log(`${figures.stored} stored, ${figures.refused} refused`);
      await running.stop();
    } finally {
      await redis.kill();
      await postgres.stop();
    }
  },
  240_000,
);

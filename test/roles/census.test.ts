// Sessions that the store has lost without a word, as a Redis that evicts does: the gateway finds out and sends them
// again, and nothing else.

import { describe, expect, test } from "bun:test";
import { signToken } from "../../src/auth/token.ts";
import { silentLog } from "../../src/base/log.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import { openRedisSessions } from "../../src/session/redis/redis-sessions.ts";
import type { Location, Sessions } from "../../src/session/sessions.ts";
import { Command } from "../../src/wire/commands.ts";
import { MemoryCluster } from "../support/memory-cluster.ts";
import { Random, testSeed } from "../support/random.ts";
import { isRedisMissing, RedisServer } from "../../scripts/harness/redis.ts";
import { until } from "../../scripts/harness/until.ts";
import { WireClient } from "../support/wire-client.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { quietService } from "../support/quiet-service.ts";
import { endings } from "../support/endings.ts";
import { heartbeatMs } from "../../src/link/link-state.ts";

const key = new TextEncoder().encode("the key of a test with lost sessions");
const closing = endings();

/** A gateway that compares at each heartbeat, a login service and a Redis. */
async function fixture() {
  const redis = await RedisServer.start();
  closing.push(() => redis.remove());
  const sessions = await openRedisSessions({ url: redis.url(), log: silentLog });
  const reader = await openRedisSessions({ url: redis.url(), log: silentLog });
  closing.push(() => Promise.all([sessions.close(), reader.close()]));
  const cluster = new MemoryCluster();
  closing.push(() => cluster.stop());
  const metrics = new Metrics();
  const ofLogin = metrics.forService("login", "login");
  const service = cluster.login(sessions, ofLogin);
  await cluster.startNode(cluster.around("login", "login"), service, ofLogin);
  await cluster.startNode(cluster.around("chat", "chat"), quietService(), metrics.forService("chat", "chat"));
  const time = new ManualTimers();
  const around = { ...cluster.around("gate", "gateway"), clock: time, timers: time };
  const said: string[] = [];
  const log = {
    ...silentLog,
    warn: (sentence: string, fields?: object) => void said.push(`${sentence} ${JSON.stringify(fields)}`),
  };
  const gateway = cluster.gateway({ ...around, log }, metrics.forService("gate", "gateway"), key, undefined, 1);
  const { tcp = "" } = await time.during(gateway.start());
  closing.push(() => time.during(gateway.drain(0, 0)));
  // Before that the login service asks for all sessions, whatever was lost.
  await until(async () => (await redis.send("SCARD", ["roost:renewed"])) === 1, "the gateway's lease is renewed");
  const signIn = async (account: string): Promise<WireClient> => {
    const client = await WireClient.connect(tcp);
    closing.push(() => client.terminate());
    await client.signIn(await signToken(key, { account, app: "app", ttlSeconds: 60 }));
    return client;
  };
  return { redis, reader, signIn, said, time };
}

/** As a process that remembers nothing. */
async function isKnown(reader: Sessions, account: string): Promise<boolean> {
  const [found = []]: readonly (readonly Location[])[] = await reader.locate("app", [account]);
  return found.length > 0;
}

describe.skipIf(isRedisMissing)("sessions that a Redis has deleted", () => {
  test("are sent again by the gateway that holds them, and their clients get a hint to look", async () => {
    const { redis, reader, signIn, said, time } = await fixture();
    const clients = await Promise.all(["ann", "bob", "carl"].map(signIn));
    await redis.send("DEL", ["roost:a:3:appann", "roost:a:3:appbob"]);
    time.advance(heartbeatMs);
    await until(async () => (await isKnown(reader, "ann")) && isKnown(reader, "bob"), "both are known again");
    await time.until(() => clients.slice(0, 2).every(({ pushes }) => pushes.length > 0), "both are told to look");
    expect(clients.map(({ pushes }) => pushes.map(({ header }) => header.command))).toEqual([
      [Command.Sync],
      [Command.Sync],
      [],
    ]);
    expect(said).toEqual(['the session store lost sessions, which are sent again {"sessions":2,"node":"login"}']);
    expect(clients.map(({ isClosed }) => isClosed)).toEqual([false, false, false]);
  }, 60_000);

  test("are distinguished from connections that come and go while they are counted", async () => {
    const { reader, signIn, said, time } = await fixture();
    const random = new Random(testSeed("census with churn"));
    const over = new AbortController();
    const churn = async (person: number): Promise<void> => {
      while (!over.signal.aborted) {
        const client = await signIn(`guest${person}`);
        await Bun.sleep(random.below(20));
        client.terminate();
      }
    };
    const stays = await signIn("stays");
    const churning = Promise.all(Array.from({ length: 5 }, (_, person) => churn(person)));
    for (let comparisons = 0; comparisons < 10; comparisons++) {
      await Bun.sleep(50);
      time.advance(heartbeatMs);
    }
    await Bun.sleep(50);
    over.abort();
    await churning;
    expect([await isKnown(reader, "stays"), stays.isClosed, stays.pushes.length]).toEqual([true, false, 0]);
    expect(said.filter((sentence) => sentence.includes("lost sessions"))).toEqual([]);
  }, 60_000);
});

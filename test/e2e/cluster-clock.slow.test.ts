// A cluster whose nodes' wall clock leaps back and forth, with files and with servers whose clocks stay true: nobody is
// signed out, nothing acknowledged is lost, and afterwards everybody is listed and new people come in.

import { afterEach, expect, test } from "bun:test";
import { ClusterStage } from "../support/cluster-stage.ts";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { isRedisMissing, RedisServer } from "../../scripts/harness/redis.ts";
import { dayMs, hourMs, isSteppedClockMissing, SteppedClock } from "../support/stepped-clock.ts";
import { until } from "../../scripts/harness/until.ts";

/** What the clock shows while people talk, in their order: ahead of the true time, or behind it. */
const steps = [30 * dayMs, 0, hourMs, -hourMs, -365 * dayMs, 0];
/** More than a lease's renewal. */
const stepMs = 2_200;

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

async function listed(registry: string | undefined, service: string): Promise<string[]> {
  const answer = await fetch(`${registry}/discovery/fetch?env=dev&appid=${service}&status=1`);
  return [...(await answer.text()).matchAll(/"hostname":"([^"]*)"/g)].map(([, id = ""]) => id);
}

interface Engines {
  readonly store?: string;
  readonly sessions?: string;
}

async function servers(): Promise<Engines> {
  const postgres = await PostgresServer.start();
  endings.push(() => postgres.stop());
  const redis = await RedisServer.start();
  endings.push(() => redis.remove());
  return { store: await postgres.makeDatabase(), sessions: redis.url() };
}

const cases: [string, boolean, () => Promise<Engines>][] = [
  ["SQLite", isSteppedClockMissing, () => Promise.resolve({})],
  ["PostgreSQL and Redis", isSteppedClockMissing || !hasPostgres || isRedisMissing, servers],
];

for (const [where, isMissing, engines] of cases) {
  test.skipIf(isMissing)(
    `with ${where}, a wall clock that leaps by days signs nobody out, loses no talk, and shuts nobody out afterwards`,
    async () => {
      const clock = new SteppedClock();
      endings.push(() => clock.remove());
      const stage = await ClusterStage.start({ discovery: 2 }, { ...(await engines()), variables: clock.variables() });
      endings.push(() => stage.close());
      const { cluster } = stage;
      let ends = 0;
      const heard = new Set<string>();
      const on = { offline: () => void ends++ };
      const alice = await stage.sdk("alice", 0, { on });
      await stage.sdk("bob", 0, { on: { ...on, message: ({ body }) => void heard.add(body) } });
      const said: string[] = [];
      for (const aheadMs of steps) {
        clock.stepTo(aheadMs);
        const endMs = performance.now() + stepMs;
        for (let count = 0; performance.now() < endMs; count++) {
          const body = `${aheadMs} ${said.length} ${count}`;
          await alice.talkToUser("bob", { body });
          said.push(body);
          await Bun.sleep(50);
        }
      }
      await until(() => said.every((body) => heard.has(body)), "bob hears all");
      expect(ends).toBe(0);
      await cluster.ready();
      for (const [service, id] of [
        ["chat", "chat-1"],
        ["login", "login-1"],
        ["tgateway", "gateway-1"],
      ] as const)
        for (const registry of cluster.registry) expect(await listed(registry, service)).toEqual([id]);
      // Somebody new, a service that starts again, and everything that was stored.
      await cluster.end("chat-1", "SIGTERM");
      await cluster.start("chat-1");
      await cluster.ready();
      await until(
        async () => (await listed(cluster.registry[0], "chat")).includes("chat-1"),
        "the chat node is listed",
      );
      const reader = await stage.sdk("bob", 0, { device: "another device" });
      const ids: bigint[] = [];
      for (let after = 1n; ;) {
        const page = await reader.index(after, false);
        const last = page.at(-1);
        if (last === undefined) break;
        ids.push(...page.map(({ messageId }) => messageId));
        after = last.messageId;
      }
      const contents: string[] = [];
      for (let at = 0; at < ids.length; at += 100)
        contents.push(...(await reader.contents(ids.slice(at, at + 100))).map(({ body }) => body));
      expect(contents).toEqual(said);
      const health = ["gateway-1", "chat-1", "login-1"].map(
        async (member) => (await fetch(`${cluster.monitor(member)}/health`)).status,
      );
      expect(await Promise.all(health)).toEqual([200, 200, 200]);
      for (const name of ["gateway-1", "chat-1", "login-1", "discovery-1", "discovery-2"])
        expect([name, await cluster.end(name, "SIGTERM")]).toEqual([name, 0]);
    },
    180_000,
  );
}

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { limitValues } from "../../src/base/limits/table.ts";
import { silentLog } from "../../src/base/log.ts";
import type { SessionLimits } from "../../src/session/sessions.ts";
import { openRedisSessions } from "../../src/session/redis/redis-sessions.ts";
import { isRedisMissing, RedisServer } from "../../scripts/harness/redis.ts";
import { location } from "./locations.ts";
import { sessionsSuite } from "./sessions-suite.ts";
import { sharedSessionsSuite, type SharedEngine } from "./shared-sessions-suite.ts";

/** The texts of a reply, whichever version of the protocol it came by. */
function asTexts(reply: unknown): string[] {
  if (typeof reply !== "object" || reply === null) throw new Error("the reply is a list");
  return (Array.isArray(reply) ? reply : Object.entries(reply).flat()).map(String);
}

describe.skipIf(isRedisMissing)("with a Redis server", () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await RedisServer.start("p@ss:w/rd");
  });
  afterAll(() => server.remove());

  const database = 3;
  const change = async (command: string, words: string[]): Promise<void> =>
    void (await server.send(command, words, database));
  let prefixes = 0;
  const redisEngine = (limits: SessionLimits = limitValues()): SharedEngine => {
    const prefix = `t${prefixes++}:`;
    return {
      open: () => openRedisSessions({ url: server.url(database), prefix, log: silentLog, limits }),
      remove: () => Promise.resolve(),
      elapse: (ms) => change("HINCRBY", [`${prefix}state`, "clock", String(ms)]),
      standStill: (ms) => change("HINCRBY", [`${prefix}state`, "ticked", String(-ms)]),
      cutLog: () => change("LTRIM", [`${prefix}log`, "-1", "-1"]),
    };
  };

  sessionsSuite("sessions in Redis", async (limits) => redisEngine(limits));

  test("a place that an earlier release wrote has no features; of a later one's, the known ones are read", async () => {
    const engine = redisEngine();
    const sessions = await engine.open();
    const prefix = `t${prefixes - 1}:`;
    const place = location({ features: ["renew"] });
    await sessions.put("app", "ann", place);
    const [key = ""] = asTexts(await server.send("KEYS", [`${prefix}a:*`], database));
    const [, value = ""] = asTexts(await server.send("HGETALL", [key], database));
    const { device, channelId, gateway, incarnation } = place;
    const places: [string, object][] = [
      [JSON.stringify([channelId, gateway, incarnation]), {}],
      [JSON.stringify([channelId, gateway, incarnation, "later", "renew", "latest"]), { features: ["renew"] }],
    ];
    for (const [text, features] of places) {
      await change("HSET", [key, device, `${value.slice(0, value.indexOf(" "))} ${text}`]);
      const other = await engine.open();
      expect(await other.locate("app", ["ann"])).toEqual([[{ device, channelId, gateway, incarnation, ...features }]]);
      await other.close();
    }
    await sessions.remove("app", "ann", channelId);
    expect(asTexts(await server.send("KEYS", [key], database))).toEqual([]);
    await sessions.close();
  });

  test("who signs out, moves or goes with a gateway leaves no keys behind", async () => {
    const engine = redisEngine();
    const sessions = await engine.open();
    const prefix = `t${prefixes - 1}:`;
    const keys = async (): Promise<unknown> => server.send("KEYS", [`${prefix}*`], database);
    const before = ["state", "log", "ownership"].map((name) => prefix + name);
    const place = location({ device: "phone", gateway: "gw1" });
    await sessions.put("app", "ann", place);
    await sessions.put("app", "ann", location({ device: "laptop", gateway: "gw1" }));
    const moved = location({ device: "phone", gateway: "gw2" });
    await sessions.put("app", "ann", moved);
    await sessions.remove("app", "ann", moved.channelId);
    expect(await keys()).toContain(`${prefix}l:1`);
    expect(await keys()).not.toContain(`${prefix}l:2`);
    await sessions.renew([{ gateway: "gw1", incarnation: "i1" }]);
    for (const gateway of ["gw1", "gw2"]) await sessions.removeGateway(gateway);
    const left = await keys();
    expect(new Set(Array.isArray(left) ? left : [])).toEqual(new Set(before));
    await sessions.close();
  });

  test("a gateway's sessions are listed without evicted ones; an evicted one is restored past the cache", async () => {
    const engine = redisEngine();
    const sessions = await engine.open();
    const prefix = `t${prefixes - 1}:`;
    const start = { gateway: "gw1", incarnation: "i1" };
    await sessions.renew([start]);
    const places = Array.from({ length: 700 }, () => location({ device: "phone" }));
    for (const [at, place] of places.entries()) await sessions.put("app", `user${at}`, place);
    await sessions.put("app", "user0", location({ device: "elsewhere", gateway: "gw2" }));
    expect(await sessions.held?.(start)).toEqual(new Set(places.map(({ channelId }) => channelId)));
    expect(await sessions.held?.({ gateway: "gw9", incarnation: "i1" })).toEqual(new Set());

    const [, one = location(), two = location()] = places;
    // It is remembered when it is evicted.
    expect(await sessions.locate("app", ["user1"])).toEqual([[one]]);
    await change("DEL", [`${prefix}a:3:appuser1`, `${prefix}a:3:appuser2`]);
    const held = await sessions.held?.(start);
    expect([held?.size, held?.has(one.channelId), held?.has(two.channelId)]).toEqual([698, false, false]);
    expect(await sessions.restore("app", "user1", one)).toBe("restored");
    expect((await sessions.held?.(start))?.has(one.channelId)).toBe(true);
    // The set of a lease's accounts was evicted: the sessions are there, and would never be swept.
    await change("DEL", [`${prefix}l:1`]);
    expect(await sessions.restore("app", "user1", one)).toBe("restored");
    expect(await sessions.restore("app", "user1", one)).toBe("present");
    await sessions.close();
  });

  sharedSessionsSuite("sessions in Redis, shared", async (limits) => redisEngine(limits));
});

import { afterAll, beforeAll, describe } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import { openRedisSessions } from "../../src/session/redis/redis-sessions.ts";
import { isRedisMissing, RedisServer } from "../support/redis.ts";
import { sessionsSuite } from "./sessions-suite.ts";
import { sharedSessionsSuite, type SharedEngine } from "./shared-sessions-suite.ts";

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
  const redisEngine = (): SharedEngine => {
    const prefix = `t${prefixes++}:`;
    return {
      open: () => openRedisSessions({ url: server.url(database), prefix, log: silentLog }),
      remove: () => Promise.resolve(),
      elapse: (ms) => change("HINCRBY", [`${prefix}state`, "clock", String(ms)]),
      standStill: (ms) => change("HINCRBY", [`${prefix}state`, "ticked", String(-ms)]),
      cutLog: () => change("LTRIM", [`${prefix}log`, "-1", "-1"]),
    };
  };

  sessionsSuite("sessions in Redis", async () => redisEngine());
  sharedSessionsSuite("sessions in Redis, shared", async () => redisEngine());
});

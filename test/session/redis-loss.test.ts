// A Redis server that goes away, stands still, forgets, or comes back as another one: requests are refused meanwhile,
// service returns by itself, and a process that must put sessions again learns so.

import { afterEach, describe, expect, test } from "bun:test";
import { createLog, silentLog, type Log } from "../../src/base/log.ts";
import { refusalOf } from "../../src/service/refusal.ts";
import { openRedisSessions } from "../../src/session/redis/redis-sessions.ts";
import { sessionsDetail, SessionsUnavailable, type Sessions } from "../../src/session/sessions.ts";
import { Status } from "../../src/wire/gen/pkt_pb.ts";
import { isRedisMissing, RedisServer } from "../../scripts/harness/redis.ts";
import { until } from "../../scripts/harness/until.ts";
import { location } from "./locations.ts";

describe.skipIf(isRedisMissing)("sessions in a Redis that fails", () => {
  const undo: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const step of undo.splice(0).toReversed()) await step();
  });

  const start = async (password?: string): Promise<RedisServer> => {
    const server = await RedisServer.start(password);
    undo.push(() => server.remove());
    return server;
  };
  const open = async (url: string, log: Log = silentLog): Promise<Sessions> => {
    const sessions = await openRedisSessions({ url, log });
    undo.push(() => sessions.close());
    return sessions;
  };
  /** A server, a login and a chat service's opening, and what both report. */
  const fixture = async () => {
    const server = await start();
    const login = await open(server.url());
    const chat = await open(server.url());
    const told: string[] = [];
    login.watchLoss(() => told.push("login lost"));
    chat.watchLoss(() => told.push("chat lost"));
    chat.watchPresence({
      online: (_, account) => told.push(`online ${account}`),
      offline: (_, account) => told.push(`offline ${account}`),
      reset: () => told.push("reset"),
    });
    return { server, login, chat, told };
  };
  const failureOf = async (asked: Promise<unknown>): Promise<unknown> =>
    asked.then(
      () => "nothing failed",
      (error) => error,
    );
  const locate = async (sessions: Sessions): Promise<unknown> => sessions.locate("app", ["ann"]);

  test("a server that may delete any key is warned of, at each connection, until it may not", async () => {
    const server = await start();
    await server.send("CONFIG", ["SET", "maxmemory-policy", "allkeys-lru"]);
    const lines: string[] = [];
    const sessions = await open(
      server.url(),
      createLog("info", "text", (line) => lines.push(line)),
    );
    expect(sessionsDetail(sessions)).toMatchObject({
      sessions: true,
      sessionsWarning: expect.stringMatching(/maxmemory-policy is allkeys-lru: it deletes sessions .*set noeviction/),
    });
    expect(lines.filter((line) => line.includes("may delete sessions"))).toHaveLength(1);
    // Started again it has its configured default policy.
    await server.kill();
    await until(() => !sessions.isHealthy, "it is away");
    await server.startAgain();
    await until(() => Bun.deepEquals(sessionsDetail(sessions), { sessions: true }), "it is back, with another policy");
    expect(lines.join("")).toContain("the session store keeps its sessions");
  });

  test("a password or database that the server refuses ends the opening, with an error that hides it", async () => {
    const server = await start("the right one");
    const at = `127.0.0.1:${server.port}`;
    for (const [url, reason] of [
      [`redis://:hush-hush@${at}/0`, /redis:\/\/127\.0\.0\.1:\d+\/0 refuses this program: WRONGPASS/],
      [`redis://nobody:hush-hush@${at}/0`, /WRONGPASS/],
      [`redis://${at}/0`, /NOAUTH/],
      [`${server.url()}99`, /DB index is out of range/],
    ] as const) {
      const failure = await failureOf(open(url));
      expect(failure).toBeInstanceOf(SessionsUnavailable);
      expect(String(failure)).toMatch(reason);
      expect(String(failure)).not.toContain("hush");
    }
  });

  test("a password that proves wrong once the server is there is reported, and disturbs nothing else", async () => {
    const server = await start("the right one");
    await server.kill();
    const refusals: string[] = [];
    const refused = (sentence: string): void => void refusals.push(sentence);
    const wrong = await openRedisSessions({
      url: `redis://:hush-hush@127.0.0.1:${server.port}/0`,
      log: silentLog,
      refused,
    });
    undo.push(() => wrong.close());
    const right = await openRedisSessions({ url: server.url(), log: silentLog, refused });
    undo.push(() => right.close());
    expect([wrong.isHealthy, right.isHealthy]).toEqual([false, false]);
    await server.startAgain();
    await until(() => refusals.length > 0 && right.isHealthy, "one is refused, the other one serves");
    expect(refusals).toEqual([expect.stringContaining("WRONGPASS")]);
  });

  test("a policy that spares keys without an expiry is no warning", async () => {
    const server = await start();
    await server.send("CONFIG", ["SET", "maxmemory-policy", "volatile-lru"]);
    const sessions = await open(server.url());
    expect(sessionsDetail(sessions)).toEqual({ sessions: true });
  });

  test("killed and started empty: refused at once, served again by itself, and the loss is reported", async () => {
    const { server, login, chat, told } = await fixture();
    const gateway = { gateway: "gw1", incarnation: "i1" };
    await login.renew([gateway]);
    const place = location(gateway);
    await login.put("app", "ann", place);
    expect(await locate(chat)).toEqual([[place]]);
    await server.kill();
    for (const asked of [locate(chat), login.put("app", "bob", place), login.renew([gateway])]) {
      expect(await failureOf(asked)).toBeInstanceOf(SessionsUnavailable);
    }
    expect([login.isHealthy, chat.isHealthy]).toEqual([false, false]);
    await server.startAgain();
    await until(() => login.isHealthy && chat.isHealthy && told.length >= 4, "both are back and told");
    expect(told.slice(0, 1)).toEqual(["online ann"]);
    expect(told.slice(1).toSorted()).toEqual(["chat lost", "login lost", "reset"]);
    expect(await locate(chat)).toEqual([[]]);
    expect(await login.renew([gateway])).toEqual([gateway]);
    const again = location(gateway);
    expect(await login.put("app", "ann", again)).toEqual({ result: "put", replaced: undefined });
    expect(await locate(chat)).toEqual([[again]]);
    expect(told.at(-1)).toBe("online ann");
  }, 60_000);

  test("standing still: what waits is refused, and what was there is there again", async () => {
    const { server, login, chat, told } = await fixture();
    const place = location();
    await login.put("app", "ann", place);
    await locate(chat);
    server.signal("SIGSTOP");
    const failures = await Promise.all([locate(chat), login.put("app", "bob", location())].map(failureOf));
    for (const failure of failures) expect(failure).toBeInstanceOf(SessionsUnavailable);
    await until(() => !chat.isHealthy, "the silence is noticed");
    server.signal("SIGCONT");
    await until(() => chat.isHealthy && login.isHealthy, "both are back");
    expect(await locate(chat)).toEqual([[place]]);
    expect(told).not.toContain("chat lost");
  }, 60_000);

  test("a server emptied under way loses the sessions once, and goes on", async () => {
    const { server, login, chat, told } = await fixture();
    await login.put("app", "ann", location());
    expect(await locate(chat)).toHaveLength(1);
    await server.send("FLUSHALL", []);
    const place = location();
    await login.put("app", "bob", place);
    expect(await chat.locate("app", ["ann", "bob"])).toEqual([[], [place]]);
    await until(() => told.includes("login lost"), "the login service is told");
    expect(told.filter((word) => word !== "login lost")).toEqual(["online ann", "reset", "chat lost"]);
  });

  test("data of another run of the server are worth nothing", async () => {
    const { server, login, chat, told } = await fixture();
    await login.put("app", "ann", location());
    await locate(chat);
    // As a server finds it that was restored from its disk or was a replica before.
    await server.send("HSET", ["roost:state", "epoch", "another run 1 2"]);
    expect(await locate(chat)).toEqual([[]]);
    expect(told).toContain("chat lost");
    const place = location();
    expect(await login.put("app", "ann", place)).toEqual({ result: "put", replaced: undefined });
    expect(await locate(chat)).toEqual([[place]]);
  });

  test("scripts that the server has forgotten are sent again", async () => {
    const { server, login, chat } = await fixture();
    await login.put("app", "ann", location());
    await server.send("SCRIPT", ["FLUSH"]);
    const place = location();
    await login.put("app", "ann", place);
    expect(await locate(chat)).toEqual([[place]]);
  });

  test("calls of one turn share a round trip, and a cache spares reading again", async () => {
    const { server, login, chat } = await fixture();
    const accounts = Array.from({ length: 400 }, (_, at) => `a${at}`);
    await Promise.all(accounts.map((account) => login.put("app", account, location())));
    const scripts = async (): Promise<number> =>
      Number(/cmdstat_evalsha:calls=(\d+)/.exec(String(await server.send("INFO", ["commandstats"])))?.[1]);
    await login.close();
    for (let times = 0; times < 2; times++) {
      const before = await scripts();
      const located = await Promise.all(accounts.map((account) => chat.locate("app", [account])));
      expect(located.flat(2)).toHaveLength(accounts.length);
      // One fence with what is read; two background polls may come in between.
      expect((await scripts()) - before).toBeLessThanOrEqual(3);
    }
    const hashReads = /cmdstat_hgetall:calls=(\d+)/;
    const reads = async (): Promise<number> =>
      Number(hashReads.exec(String(await server.send("INFO", ["commandstats"])))?.[1]);
    const before = await reads();
    await chat.locate("app", accounts);
    expect(await reads()).toBe(before);
  });

  test("opened before the server is there, it serves as soon as it is", async () => {
    const server = await start();
    await server.kill();
    const sessions = await open(server.url());
    expect(sessions.isHealthy).toBe(false);
    expect(await failureOf(locate(sessions))).toBeInstanceOf(SessionsUnavailable);
    await server.startAgain();
    await until(() => sessions.isHealthy, "the server is found");
    expect((await sessions.put("app", "ann", location())).result).toBe("put");
  }, 60_000);

  test("a wrong password refuses, and no password is ever logged", async () => {
    const server = await start("a-secret");
    const lines: string[] = [];
    const log = createLog("debug", "text", (line) => lines.push(line));
    const failure = await failureOf(open(server.url().replace("a-secret", "not-the-secret"), log));
    expect(failure).toBeInstanceOf(SessionsUnavailable);
    lines.push(String(failure));
    const right = await open(server.url(), log);
    await server.kill();
    await until(() => !right.isHealthy && lines.length >= 2, "the log tells of both");
    expect(lines.join("")).toContain(`127.0.0.1:${server.port}`);
    expect(lines.join("")).not.toContain("secret");
  });

  test("a URL that is not a Redis URL is refused without being repeated", async () => {
    for (const url of ["", "secret", "http://:secret@localhost/0", "redis://%zz:secret@:x"]) {
      const failure = await failureOf(openRedisSessions({ url, log: silentLog }));
      expect(failure).toBeInstanceOf(SessionsUnavailable);
      expect(String(failure)).not.toContain("secret");
    }
  });

  test("a client hears a sentence without the engine's words", async () => {
    const error = new SessionsUnavailable("redis://:pw@10.0.0.1 failed");
    expect(refusalOf(error)).toMatchObject({
      status: Status.SystemException,
      message: "the session store is unavailable, try again",
    });
  });
});

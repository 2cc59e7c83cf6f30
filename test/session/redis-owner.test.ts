import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { isStoreIdentity, newStoreIdentity } from "../../src/auth/store-ownership.ts";
import { createLog, silentLog } from "../../src/base/log.ts";
import { knownToNobody, type KnownIdentity } from "../../src/session/redis/redis-owner.ts";
import { openRedisSessions, type RedisSessionsOptions } from "../../src/session/redis/redis-sessions.ts";
import { SessionsUnavailable, type Sessions } from "../../src/session/sessions.ts";
import { isRedisMissing, RedisServer } from "../../scripts/harness/redis.ts";
import { until } from "../../scripts/harness/until.ts";
import { claimOf, sessionOwnerSuite, type OwnedEngine } from "./session-owner-suite.ts";
import { location } from "./locations.ts";
import { ManualTimers } from "../support/manual-timers.ts";

const [first, second] = [claimOf(["first"]), claimOf(["second"])];

describe.skipIf(isRedisMissing)("with a Redis server", () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await RedisServer.start("p@ss:w/rd");
  });
  afterAll(() => server.remove());

  const send = (command: string, ...words: string[]): Promise<unknown> => server.send(command, words);
  const ownership = "roost:ownership";
  const open = (change: Partial<RedisSessionsOptions> = {}): Promise<Sessions> =>
    openRedisSessions({ url: server.url(), claim: first, log: silentLog, ...change });
  const read: OwnedEngine["read"] = async () => {
    const row = await send("HMGET", ownership, "identity", "owners");
    const [identity, owners] = Array.isArray(row) ? row : [];
    return { identity, owners };
  };
  const nobody: KnownIdentity = async () => knownToNobody;
  const unknown: KnownIdentity = async () => undefined;

  sessionOwnerSuite("sessions in Redis", async () => ({
    open: (claim, log, refused, time) => open({ claim, log, refused, ...(time && { time }) }),
    read,
    write: async ({ identity, owners }) => {
      if (identity !== undefined) await send("HSET", ownership, "identity", identity);
      if (owners !== undefined) await send("HSET", ownership, "owners", owners);
    },
    empty: async () => void (await send("FLUSHALL")),
    spoil: {
      "a key of another type": async () => {
        await send("DEL", ownership);
        await send("SET", ownership, "0123456789abcdef0123456789abcdef");
      },
      "an identity alone": async () => void (await send("HDEL", ownership, "owners")),
      "owners alone": async () => void (await send("HDEL", ownership, "identity")),
    },
    shiftRenewal: async (ms) => void (await send("HINCRBY", "roost:state", "ticked", String(ms))),
    remove: async () => void (await send("FLUSHALL")),
  }));

  const ends: (() => unknown)[] = [];
  const kept = async (opening: Promise<Sessions>): Promise<Sessions> => {
    const sessions = await opening;
    ends.push(() => sessions.close());
    return sessions;
  };
  const endAll = async (): Promise<void> => {
    for (const end of ends.splice(0).toReversed()) await end();
    await send("FLUSHALL");
  };

  test("an empty store gets its identity soon if nobody else can know one, and one with sessions at once", async () => {
    const sessions = await kept(open({ known: nobody }));
    await until(() => sessions.isHealthy, "it works");
    expect(isStoreIdentity(String((await read()).identity))).toBe(true);
    await send("DEL", ownership);
    await sessions.close();
    // As processes of the version before leave it.
    await send("HSET", "roost:state", "sequence", "7");
    const next = await kept(open({ known: nobody }));
    await until(() => next.isHealthy, "it works", 5_000);
    await endAll();
  });

  test("a store that was emptied stays its owner's, although another cluster starts on it in that moment", async () => {
    const sentences: string[] = [];
    const sessions = await kept(open({ refused: (sentence) => sentences.push(sentence) }));
    const identity = sessions.identity?.identity;
    await send("FLUSHALL");
    const stray = open({ claim: second, known: nobody, refused: (sentence) => sentences.push(`stray: ${sentence}`) });
    stray.then(
      (opened) => ends.push(() => opened.close()),
      (error: unknown) => sentences.push(`stray: ${String(error)}`),
    );
    await until(() => sentences.length > 0, "one of them is refused");
    expect(sentences[0]).toMatch(/^stray: .*belongs to another cluster/);
    await until(() => sessions.isHealthy, "it works");
    expect(await read()).toEqual({ identity, owners: first.fingerprints[0] });
    await endAll();
  });

  test("a process that starts on an empty store refuses requests until one with the identity is back", async () => {
    const starter = await kept(open({ known: unknown }));
    await Bun.sleep(1_500);
    expect([starter.isHealthy, starter.identity, starter.warning]).toEqual([
      false,
      undefined,
      "waiting for the session store's identity",
    ]);
    await expect(starter.put("app", "ann", location())).rejects.toBeInstanceOf(SessionsUnavailable);
    expect(await send("EXISTS", ownership)).toBe(0);
    const identity = newStoreIdentity();
    // What one that knows it does.
    await send("HSET", ownership, "identity", identity, "owners", first.fingerprints[0] ?? "");
    await until(() => starter.isHealthy, "it works");
    expect(starter.identity?.identity).toBe(identity);
    expect(starter.warning).toBe("");
    await endAll();
  });

  test("a process that starts on another, empty store than others does not give it their identity", async () => {
    const identity = newStoreIdentity();
    let asked = 0;
    const known: KnownIdentity = async () => (++asked < 2 ? undefined : identity);
    const time = new ManualTimers();
    const starters = [await kept(open({ known, time })), await kept(open({ known: async () => identity, time }))];
    await time.pass(14_000, 500);
    expect(starters.map(({ isHealthy }) => isHealthy)).toEqual([false, false]);
    await time.until(() => starters.every(({ isHealthy }) => isHealthy), "both work");
    const made = new Set(starters.map((each) => each.identity?.identity));
    expect([made.size, made.has(identity)]).toEqual([1, false]);
    await endAll();
  }, 60_000);

  test("a process that starts on an empty store that nobody tells about makes an identity after 15 s", async () => {
    const time = new ManualTimers();
    const starter = await kept(open({ known: () => Promise.reject(new Error("the registry is broken")), time }));
    await time.pass(14_000, 500);
    expect(starter.isHealthy).toBe(false);
    await time.until(() => starter.isHealthy, "it works");
    expect(isStoreIdentity(starter.identity?.identity ?? "")).toBe(true);
    await endAll();
  }, 60_000);

  test("of two that may make an identity at the same time one does, and the other has the same", async () => {
    for (let turn = 0; turn < 20; turn++) {
      // Not empty, so neither waits for clients that may come back.
      await send("HSET", "roost:state", "sequence", "7");
      const both = await Promise.all([kept(open({ known: nobody })), kept(open({ known: nobody }))]);
      await until(() => both.every(({ isHealthy }) => isHealthy), "both work");
      expect(both[0].identity).toEqual(both[1].identity);
      await endAll();
    }
  });

  test("a restarted server without its data gets its identity before anything else is written", async () => {
    const sessions = await kept(open());
    const identity = sessions.identity?.identity;
    await server.kill();
    await until(() => !sessions.isHealthy, "the server is missed");
    await server.startAgain();
    const starter = await kept(open({ known: unknown }));
    await until(() => sessions.isHealthy && starter.isHealthy, "both work");
    expect([sessions.identity?.identity, starter.identity?.identity]).toEqual([identity, identity]);
    await endAll();
  });

  test("another server that answers at the address after a restart is refused if it is another cluster's", async () => {
    const sentences: string[] = [];
    const sessions = await kept(open({ refused: (sentence) => sentences.push(sentence) }));
    await sessions.put("app", "ann", location());
    await server.kill();
    await server.startAgain();
    await send("HSET", ownership, "identity", newStoreIdentity(), "owners", second.fingerprints[0] ?? "");
    // The first of both may have been faster; then the other cluster takes it by hand.
    await until(() => sentences.length > 0, "it is told");
    expect(sentences[0]).toMatch(/^The session store redis:\/\/127\.0\.0\.1:\d+\/0 belongs to a(?:nother)? cluster/);
    expect(await send("KEYS", "roost:a:*")).toEqual([]);
    await endAll();
  });

  test("a server that is away at the start and turns out to be another cluster's is reported", async () => {
    await server.kill();
    const sentences: string[] = [];
    const sessions = await kept(open({ refused: (sentence) => sentences.push(sentence) }));
    expect(sessions.isHealthy).toBe(false);
    await server.startAgain();
    const owner = open({ claim: second });
    // It may be refused while the other one is waited for.
    owner.catch(() => undefined);
    await until(() => sentences.length > 0 || sessions.isHealthy, "one of both has it");
    if (sessions.isHealthy) await expect(owner).rejects.toThrow(/belongs to a(?:nother)? cluster/);
    else {
      expect(sentences[0]).toMatch(/belongs to a(?:nother)? cluster/);
      await (await owner).close();
    }
    await endAll();
  });

  test("an identity that the server has evicted is given back", async () => {
    const sessions = await kept(open());
    const before = await read();
    await send("DEL", ownership);
    await until(async () => (await read()).identity === before.identity, "it is there again");
    expect(await read()).toEqual(before);
    expect(sessions.isHealthy).toBe(true);
    await endAll();
  });

  test("a store that processes of the version before use is taken, and is not adopted while they renew", async () => {
    const now = String(Date.now());
    await send("HSET", "roost:state", "epoch", "x", "sequence", "7", "ticked", now);
    const sessions = await kept(open({ known: nobody }));
    await until(() => sessions.isHealthy, "it works");
    expect((await read()).owners).toBe(first.fingerprints[0]);
    const renewing = setInterval(() => void send("HSET", "roost:state", "ticked", String(Date.now())), 500);
    ends.push(() => clearInterval(renewing));
    await expect(open({ claim: { ...second, adopt: true } })).rejects.toThrow(/cannot be adopted/);
    await endAll();
  });

  test("a read-only replica is used as long as it knows its identity, and says that it cannot be written", async () => {
    const sessions = await kept(open());
    const { identity } = sessions.identity ?? {};
    await send("REPLICAOF", "127.0.0.1", "1");
    await send("CONFIG", "SET", "replica-serve-stale-data", "yes");
    const lines: string[] = [];
    const log = createLog("warn", "text", (line) => lines.push(line));
    const starter = await kept(open({ log }));
    expect(starter.identity?.identity).toBe(identity);
    await expect(starter.put("app", "ann", location())).rejects.toThrow(/READONLY|replica/);
    expect(lines.join("")).toContain("refuses a step");
    await send("REPLICAOF", "NO", "ONE");
    await endAll();
  });

  test("a copy of the server's data belongs to the same cluster; another one adopts it", async () => {
    const sessions = await kept(open());
    const { identity } = sessions.identity ?? {};
    await send("SAVE");
    const copied = await RedisServer.start("p@ss:w/rd");
    copyFileSync(join(server.folder, "dump.rdb"), join(copied.folder, "dump.rdb"));
    await copied.kill();
    await copied.startAgain();
    const url = copied.url();
    await expect(open({ url, claim: second })).rejects.toThrow(/belongs to a(?:nother)? cluster/);
    const time = new ManualTimers();
    const adopted = await kept(time.during(open({ url, claim: { ...second, adopt: true }, time })));
    await until(() => adopted.isHealthy, "it works");
    expect(adopted.identity?.identity).not.toBe(identity);
    expect((await read()).identity).toBe(identity);
    await adopted.close();
    await copied.remove();
    await endAll();
  });
});

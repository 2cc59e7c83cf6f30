// Stores that belong to a cluster, as real processes: another cluster, another environment and a standalone server are
// refused until they adopt them, and a Redis that was emptied knows who it is again.

import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClusterStage } from "../support/cluster-stage.ts";
import { talk } from "../support/commands.ts";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { isRedisMissing, RedisServer } from "../../scripts/harness/redis.ts";
import { MemberProcess, run, ServerProcess } from "../../scripts/harness/server-process.ts";
import { endings } from "../support/endings.ts";
import { until } from "../../scripts/harness/until.ts";

const ends = endings();

/** Where a cluster keeps things; undefined: in files of its own folder. */
interface Engines {
  readonly store: string | undefined;
  readonly sessions: string | undefined;
}

async function prepare(engines: Engines): Promise<ClusterStage> {
  const stage = await ClusterStage.prepare({}, engines);
  ends.push(() => stage.close());
  return stage;
}

const startAll = async ({ cluster }: ClusterStage): Promise<void> => {
  await Promise.all(cluster.names().map((name) => cluster.start(name)));
  await cluster.ready();
};

/** Where the stage's processes find their stores. */
const enginesOf = (stage: ClusterStage): { readonly store: string; readonly sessions: string } => {
  const words = stage.cluster.words("chat-1");
  const after = (option: string): string => words[words.indexOf(option) + 1] ?? "";
  return { store: after("--store"), sessions: after("--sessions") };
};

/** Starts a member that should be refused; what it says. */
async function refusalOf(
  stage: ClusterStage,
  name: string,
  others: Readonly<Record<string, string>> = {},
  further: readonly string[] = [],
): Promise<string> {
  const { status, err } = await run([...stage.cluster.words(name, others), ...further], stage.folder);
  expect([err, status]).toEqual([err, 1]);
  expect(err).not.toMatch(/this is a bug|^ +at /m);
  return err;
}

const isAnothers = (what: "message" | "session"): RegExp =>
  new RegExp(`The ${what} store \\S+ belongs to a(?:nother)? cluster.*--adopt`);
const isAtWork = (what: "message" | "session"): RegExp =>
  new RegExp(`The ${what} store \\S+ cannot be adopted: processes of its owner are at work on it`);

const kinds: readonly { readonly name: string; readonly isThere: boolean; readonly engines: () => Promise<Engines> }[] =
  [
    {
      name: "SQLite files",
      isThere: true,
      engines: async () => ({ store: undefined, sessions: undefined }),
    },
    {
      name: "PostgreSQL and Redis",
      isThere: hasPostgres && !isRedisMissing,
      engines: async () => {
        const [postgres, redis] = [await PostgresServer.start(), await RedisServer.start()];
        ends.push(
          () => postgres.stop(),
          () => redis.remove(),
        );
        return { store: await postgres.makeDatabase(), sessions: redis.url() };
      },
    },
  ];

for (const { name, isThere, engines } of kinds) {
  describe.skipIf(!isThere)(`with ${name}`, () => {
    test("another cluster and another environment are refused, until --adopt after the owner has stopped", async () => {
      const owner = await prepare(await engines());
      await startAll(owner);
      await talk(await owner.wire("alice"), "bob", "hello");
      const { store, sessions } = enginesOf(owner);

      const other = await prepare({ store: undefined, sessions: undefined });
      await other.cluster.start("discovery-1");
      expect(await refusalOf(other, "chat-1", { "--store": store })).toMatch(isAnothers("message"));
      for (const member of ["login-1", "chat-1"])
        expect(await refusalOf(other, member, { "--sessions": sessions })).toMatch(isAnothers("session"));
      for (const [member, what] of [
        ["chat-1", "message"],
        ["login-1", "session"],
      ] as const)
        expect(await refusalOf(owner, member, { "--id": "stray" }, ["--env", "prod"])).toMatch(isAnothers(what));
      expect(await refusalOf(other, "chat-1", { "--store": store }, ["--adopt"])).toMatch(isAtWork("message"));
      expect(await refusalOf(other, "login-1", { "--sessions": sessions }, ["--adopt"])).toMatch(isAtWork("session"));

      // Operators' tools need no key.
      const checked = await run(["check", "--store", store], owner.folder);
      expect([checked.status, checked.err]).toEqual([0, checked.err]);
      await owner.cluster.stop("SIGTERM");
      const adopter = await prepare({ store, sessions });
      const further = ["--adopt"];
      const adopting = await ClusterStage.prepare({}, { store, sessions, words: { login: further, chat: further } });
      ends.push(() => adopting.close());
      await startAll(adopting);
      await adopting.says("chat-1", /The message store \S+ is adopted and has a new identity; leave --adopt out/);
      await talk(await adopting.wire("alice"), "bob", "hello");
      for (const [member, what] of [
        ["chat-1", "message"],
        ["login-1", "session"],
      ] as const) {
        expect(await refusalOf(owner, member)).toMatch(isAnothers(what));
        expect(await refusalOf(adopter, member)).toMatch(isAnothers(what));
      }
      await adopting.cluster.end("chat-1", "SIGTERM");
      await adopting.cluster.start("chat-1");
      await adopting.says("chat-1", /The message store \S+ is not another cluster's: --adopt was not needed; leave it/);
    }, 180_000);

    test("two clusters that swap their stores are both refused", async () => {
      const [one, two] = [await prepare(await engines()), await prepare(await engines())];
      for (const stage of [one, two]) {
        for (const member of ["discovery-1", "login-1", "chat-1"]) await stage.cluster.start(member);
        // An empty Redis is not taken at once.
        await stage.cluster.ready();
        await stage.cluster.stop("SIGTERM");
      }
      for (const [stage, others] of [
        [one, enginesOf(two)],
        [two, enginesOf(one)],
      ] as const) {
        expect(await refusalOf(stage, "chat-1", { "--store": others.store })).toMatch(isAnothers("message"));
        expect(await refusalOf(stage, "login-1", { "--sessions": others.sessions })).toMatch(isAnothers("session"));
      }
    }, 180_000);

    test("a backup that was restored into another cluster's store is refused until --adopt", async () => {
      const owner = await prepare(await engines());
      for (const member of ["discovery-1", "login-1", "chat-1"]) await owner.cluster.start(member);
      const backup = join(owner.folder, "backup");
      expect((await run(["backup", backup, "--store", enginesOf(owner).store], owner.folder)).status).toBe(0);
      const other = await prepare(await engines());
      for (const member of ["discovery-1", "login-1", "chat-1"]) await other.cluster.start(member);
      await other.cluster.ready();
      await other.cluster.end("chat-1", "SIGTERM");
      const restored = await run(["restore", backup, "--replace", "--store", enginesOf(other).store], other.folder);
      expect([restored.err, restored.status]).toEqual([restored.err, 0]);
      expect(await refusalOf(other, "chat-1")).toMatch(isAnothers("message"));
      const chat = await MemberProcess.start(other.folder, [...other.cluster.words("chat-1"), "--adopt"]);
      expect(chat.log).toMatch(/The message store \S+ is adopted and has a new identity/);
      expect(chat.log).toMatch(/The session store \S+ is not another cluster's: --adopt was not needed/);
      expect(await chat.end("SIGTERM")).toBe(0);
      await other.cluster.start("chat-1");
    }, 180_000);
  });
}

test("messages of a standalone server become a cluster's, and a standalone server's again with --adopt", async () => {
  const folder = mkdtempSync(join(tmpdir(), "roost-owners-"));
  ends.push(() => rmSync(folder, { recursive: true, force: true }));
  const alone = await ServerProcess.start(folder);
  expect(await alone.end("SIGTERM")).toBe(0);
  const stage = await prepare({ store: `sqlite:${join(folder, "data/messages.db")}`, sessions: undefined });
  await startAll(stage);
  await talk(await stage.wire("alice"), "bob", "hello");
  await stage.cluster.stop("SIGTERM");
  const free = ["--ws", "127.0.0.1:0", "--tcp", "127.0.0.1:0", "--monitor", "off"];
  const refused = await run(free, folder);
  expect(refused.status).toBe(1);
  expect(refused.err).toMatch(isAnothers("message"));
  expect(refused.err).toContain("belongs to a cluster. Check that it is the right store; ");
  const again = await ServerProcess.start(folder, ["--adopt"]);
  await until(() => again.log.includes("is adopted and has a new identity"), "it says so");
  expect(await again.end("SIGTERM")).toBe(0);
  const plain = await ServerProcess.start(folder);
  expect(await plain.end("SIGTERM")).toBe(0);
}, 180_000);

describe.skipIf(isRedisMissing)("a Redis that comes back empty under running services", () => {
  async function begun(): Promise<{ redis: RedisServer; stage: ClusterStage; identity: () => Promise<string> }> {
    const redis = await RedisServer.start();
    ends.push(() => redis.remove());
    const stage = await prepare({ store: undefined, sessions: redis.url() });
    await startAll(stage);
    const identity = async (): Promise<string> =>
      String(await redis.send("HGET", ["roost:ownership", "identity"]).catch(() => ""));
    return { redis, stage, identity };
  }

  test("gets its identity again, and new services find it so", async () => {
    const { redis, stage, identity } = await begun();
    const before = await identity();
    expect(before).toMatch(/^[0-9a-f]{32}$/);
    await redis.send("FLUSHALL", []);
    await until(async () => (await identity()) === before, "it says who it is after FLUSHALL");
    await redis.kill();
    await redis.startAgain();
    await until(async () => (await identity()) === before, "it says who it is after a restart");
    await stage.cluster.ready();
    await stage.cluster.end("login-1", "SIGTERM");
    await stage.cluster.start("login-1");
    await stage.cluster.ready();
    expect(await identity()).toBe(before);
    const alice = await stage.wire("alice");
    await talk(alice, "bob", "hello");
  }, 180_000);

  test("becomes another one when all services start after it was emptied, at once", async () => {
    const { redis, stage, identity } = await begun();
    const before = await identity();
    for (const member of ["login-1", "chat-1"]) await stage.cluster.end(member, "SIGTERM");
    await redis.send("FLUSHALL", []);
    await Promise.all(["login-1", "chat-1"].map((member) => stage.cluster.start(member)));
    await stage.cluster.ready(10_000);
    expect(await identity()).toMatch(/^[0-9a-f]{32}$/);
    expect(await identity()).not.toBe(before);
  }, 180_000);
});

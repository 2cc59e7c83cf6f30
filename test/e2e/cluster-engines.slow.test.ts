// Engines that go away while a cluster runs, and come back: requests are refused at once, no process has to be started
// again, and nothing that was answered with Success is lost.

import { Database } from "bun:sqlite";
import { afterEach, expect, test } from "bun:test";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { existsSync, renameSync, rmSync } from "node:fs";
import { smallestIdAt } from "../../src/store/snowflake.ts";
import { Command } from "../../src/wire/commands.ts";
import { CloseCode } from "../../src/wire/close-reason.ts";
import { LoginReqSchema, MessagePushSchema, MessageReqSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { readContents, readIndex, talk } from "../support/commands.ts";
import { isRedisMissing, RedisServer } from "../../scripts/harness/redis.ts";
import { MemberProcess } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { type Answer, sentenceOf, type WireClient } from "../support/wire-client.ts";

const stages: ClusterStage[] = [];
const endings: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0)) await end();
  await Promise.all(stages.splice(0).map((stage) => stage.close()));
});

async function start(...parts: Parameters<typeof ClusterStage.start>): Promise<ClusterStage> {
  const stage = await ClusterStage.start(...parts);
  stages.push(stage);
  return stage;
}

const isReady = (stage: ClusterStage, name: string): Promise<boolean> => stage.cluster.isReady(name);

const say = (client: WireClient, to: string, body: string): Promise<Answer> =>
  client.request(Command.UserTalk, to, MessageReqSchema, { type: 1, body });

/** A talk is refused for now; the answer tells nothing of the machine. */
async function isRefused(client: WireClient, to: string): Promise<void> {
  const answer = await say(client, to, "refused");
  expect([answer.status, sentenceOf(answer)]).toEqual([
    Status.SystemException,
    "the message store is unavailable, try again",
  ]);
}

async function bodiesOf(client: WireClient): Promise<string[]> {
  const index = await readIndex(client, 1n);
  const contents = await readContents(
    client,
    index.map(({ messageId }) => messageId),
  );
  return contents.map(({ body }) => body);
}

/** Says what could not be said before, again until it is stored. */
async function saidAgain(stage: ClusterStage, client: WireClient, to: string, body: string): Promise<void> {
  await until(() => isReady(stage, "chat-1"), "the chat node can do its job again");
  await talk(client, to, body);
}

/** Moves the message store's files away, or back. */
function move(stage: ClusterStage, from: string, to: string): void {
  const path = stage.path("messages.db");
  for (const end of ["", "-wal", "-shm"]) {
    if (existsSync(path + end + from)) renameSync(path + end + from, path + end + to);
  }
}

test("a locked, full or missing store refuses talks until it is back; one ahead of the clock does not", async () => {
  const stage = await start();
  const { cluster } = stage;
  const alice = await stage.wire("alice");
  const bob = await stage.wire("bob");
  await talk(alice, "bob", "before");

  const other = new Database(stage.path("messages.db"));
  endings.push(() => other.close());
  other.run("BEGIN IMMEDIATE");
  await isRefused(alice, "bob");
  // From then on nobody waits: a hundred are answered while the first alone waited for the lock.
  await Promise.all(Array.from({ length: 20 }, () => isRefused(alice, "bob")));
  expect(await isReady(stage, "chat-1")).toBe(false);
  expect(await bodiesOf(bob)).toEqual(["before"]);
  other.run("ROLLBACK");
  await saidAgain(stage, alice, "bob", "unlocked");

  const aheadMs = Date.now() + 365 * 86_400_000;
  other.run("UPDATE sequence SET last_id = ?, committed_ms = ?", [smallestIdAt(aheadMs), aheadMs]);
  expect((await talk(alice, "bob", "in time")).messageId).toBeGreaterThan(smallestIdAt(aheadMs));
  await stage.says("chat-1", /The clock is behind the newest message's id/);

  const { pid } = cluster.process("chat-1") ?? { pid: 0 };
  const setLimit = (bytes: string): void => {
    expect(Bun.spawnSync(["prlimit", "--pid", `${pid}`, `--fsize=${bytes}:`]).exitCode).toBe(0);
  };
  setLimit("0");
  await isRefused(alice, "bob");
  expect(await bodiesOf(bob)).toEqual(["before", "unlocked", "in time"]);
  setLimit("unlimited");
  await saidAgain(stage, alice, "bob", "with room");

  other.close();
  move(stage, "", ".away");
  await isRefused(alice, "bob");
  await stage.says("chat-1", /messages\.db was removed or replaced while it was open; nothing is written/);
  expect(await isReady(stage, "chat-1")).toBe(false);
  move(stage, ".away", "");
  await saidAgain(stage, alice, "bob", "back again");

  const said = ["before", "unlocked", "in time", "with room", "back again"];
  expect((await bob.pushed(Command.UserTalk, MessagePushSchema, said.length)).map(({ body }) => body)).toEqual(said);
  expect(cluster.process("chat-1")?.log).not.toContain("bug");
  await cluster.end("chat-1", "SIGKILL");
  await cluster.start("chat-1");
  await until(() => isReady(stage, "chat-1"), "it is back");
  await until(async () => Bun.deepEquals(await bodiesOf(bob), said), "everything that was stored is there");
}, 180_000);

test("a message store that was removed takes nothing that would be lost; a start makes a new one", async () => {
  const stage = await start({ chats: 2 });
  const people = await Promise.all(["alice", "carol", "dave", "erin"].map((name) => stage.wire(name)));
  const bob = await stage.wire("bob");
  for (const person of people) await talk(person, "bob", "before");
  for (const end of ["", "-wal", "-shm"]) rmSync(stage.path(`messages.db${end}`), { force: true });
  for (const person of people) await isRefused(person, "bob");
  for (const name of ["chat-1", "chat-2"]) await stage.cluster.end(name, "SIGTERM");
  for (const name of ["chat-1", "chat-2"]) await stage.cluster.start(name);
  await until(async () => (await isReady(stage, "chat-1")) && isReady(stage, "chat-2"), "both are back");
  await until(async () => (await isReady(stage, "gateway-1")) && (await bodiesOf(bob)).length === 0, "an empty store");
  for (const [at, person] of people.entries()) await talk(person, "bob", `after ${at}`);
  expect(await bodiesOf(bob)).toEqual(people.map((_, at) => `after ${at}`));
}, 180_000);

test("a removed sessions' file is created anew, and every connected client stays connected", async () => {
  const stage = await start({ gateways: 2 });
  const alice = await stage.wire("alice", 0);
  const bob = await stage.wire("bob", 1);
  for (const end of ["", "-wal", "-shm"]) rmSync(stage.path(`sessions.db${end}`), { force: true });
  await stage.says("login-1", /the session file was removed; opening another one/);
  // Gateways send what they hold again; until then a connection counts as signed out.
  await until(async () => (await say(alice, "nobody", "hello")).status === Status.Success, "alice is known again");
  await until(async () => (await say(bob, "nobody", "hello")).status === Status.Success, "bob is known again");
  await Promise.all([alice, bob].map((client) => client.pushed(Command.Sync, EmptySchema)));
  await talk(alice, "bob", "I hear you");
  await talk(bob, "alice", "and I you");
  for (const [client, heard] of [
    [alice, "and I you"],
    [bob, "I hear you"],
  ] as const) {
    expect((await client.pushed(Command.UserTalk, MessagePushSchema)).map(({ body }) => body)).toEqual([heard]);
  }
  expect([alice.isClosed, bob.isClosed]).toEqual([false, false]);
}, 180_000);

test.skipIf(isRedisMissing)(
  "sessions that are unreachable at the start and in the middle come back by themselves",
  async () => {
    const redis = await RedisServer.start();
    endings.push(() => redis.remove());
    await redis.kill();
    const stage = await ClusterStage.prepare({}, { sessions: redis.url() });
    stages.push(stage);
    const { cluster } = stage;
    await Promise.all(cluster.names().map((name) => cluster.start(name)));
    for (const name of ["login-1", "chat-1"]) {
      await stage.says(name, /the session store is unavailable; retrying server="redis:\/\/127\.0\.0\.1:\d+/);
      expect(await isReady(stage, name)).toBe(false);
    }
    const early = await stage.stranger();
    const token = await cluster.token("early");
    const refused = await early.request(Command.SignIn, "", LoginReqSchema, { token });
    expect([refused.status, sentenceOf(refused)]).toEqual([
      Status.SystemException,
      "the session store is unavailable, try again",
    ]);
    expect((await early.ending()).code).toBe(CloseCode.Overload);

    await redis.startAgain();
    await cluster.ready();
    const alice = await stage.wire("alice");
    const bob = await stage.wire("bob");
    await talk(alice, "bob", "first");
    await redis.kill();
    await until(async () => (await say(alice, "bob", "lost")).status === Status.SystemException, "talks are refused");
    await redis.startAgain();
    await until(async () => (await say(alice, "bob", "again")).status === Status.Success, "talks are taken again");
    await until(() => bob.pushes.length > 1, "bob is found again");
    expect([alice.isClosed, bob.isClosed]).toEqual([false, false]);
    for (const name of ["login-1", "chat-1"]) expect(cluster.process(name) instanceof MemberProcess).toBe(true);
    await cluster.ready();
  },
  180_000,
);

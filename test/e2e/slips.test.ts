// Clusters that were put together with the slips that people make, as real processes: each says what is wrong and where, and
// what is served is right.

import { afterEach, describe, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../src/base/log.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { Command } from "../../src/wire/commands.ts";
import { MessagePushSchema, MessageReqSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { readIndex, talk } from "../support/commands.ts";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { type ClusterOptions, type ClusterSize, ProcessCluster } from "../../scripts/harness/process-cluster.ts";
import { isRedisMissing, RedisServer } from "../../scripts/harness/redis.ts";
import { until } from "../../scripts/harness/until.ts";
import type { WireClient } from "../support/wire-client.ts";

/** Two gateways, each with so many people, of whom each talks to everybody of the other one: 36 talks. */
const peoplePerGateway = 6;

const endings: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

/** A cluster of which all processes were started, `late` after the others, whether or not they can do their jobs. */
async function putTogether(
  size: Partial<ClusterSize>,
  options: Omit<ClusterOptions, "folder" | "size">,
  late: readonly string[] = [],
): Promise<ClusterStage> {
  const stage = await ClusterStage.prepare({ gateways: 2, ...size }, options);
  endings.push(() => stage.close());
  const { cluster } = stage;
  const begin = (names: readonly string[]): Promise<unknown> => Promise.all(names.map((name) => cluster.start(name)));
  await begin(cluster.names().filter((name) => !late.includes(name)));
  if (late.length > 0) await cluster.ready();
  await begin(late);
  return stage;
}

/** A folder for stores that only one process is given. */
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "roost-slip-"));
  endings.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

interface HealthAnswer {
  readonly status: number;
  readonly text: string;
}

async function healthOf({ cluster }: ClusterStage, name: string): Promise<HealthAnswer> {
  const response = await fetch(`${cluster.monitor(name)}/health`);
  return { status: response.status, text: await response.text() };
}

/** Waits until a process's health is 503 and says all of that. */
async function isUnwell(stage: ClusterStage, name: string, ...words: readonly string[]): Promise<void> {
  await until(
    async () => {
      const { status, text } = await healthOf(stage, name);
      return status === 503 && words.every((word) => text.includes(word));
    },
    `the health of ${name} says ${words.join(" and ")}`,
    30_000,
  );
}

/** Everybody of one gateway talks to everybody of the other: all is answered Success, indexed and pushed. */
async function servesRightly(stage: ClusterStage, round = 1): Promise<void> {
  const people = (letter: string, gateway: number): Promise<WireClient[]> =>
    Promise.all(Array.from({ length: peoplePerGateway }, (_, at) => stage.wire(`${letter}${at}`, gateway)));
  const [speakers, listeners] = await Promise.all([people(`a${round}-`, 0), people(`b${round}-`, 1)]);
  await Promise.all(
    speakers.flatMap((speaker, from) => listeners.map((_, to) => talk(speaker, `b${round}-${to}`, `from a${from}`))),
  );
  for (const listener of listeners) {
    const pushed = await listener.pushed(Command.UserTalk, MessagePushSchema, peoplePerGateway);
    expect(pushed.map(({ body }) => body).toSorted()).toEqual(speakers.map((_, from) => `from a${from}`));
    const index = await readIndex(listener);
    expect(index.map(({ accountB }) => accountB).toSorted()).toEqual(speakers.map((_, from) => `a${round}-${from}`));
  }
}

/** The node that both gateways refuse; each says so with both places, and the node says it, too. */
async function refusedNode(stage: ClusterStage, places: readonly string[]): Promise<string> {
  const gateways = stage.cluster.names("gateway");
  for (const gateway of gateways) await isUnwell(stage, gateway, "storesDiffer", ...places);
  const refused = await Promise.all(
    gateways.map(async (gateway) => /does not link ([a-z]+-\d)/.exec((await healthOf(stage, gateway)).text)?.[1] ?? ""),
  );
  const [node = ""] = refused;
  expect(refused).toEqual(gateways.map(() => node));
  for (const gateway of gateways) {
    await stage.says(gateway, new RegExp(`error a node uses another store and is not linked node="${node}"`));
    expect(await stage.count(gateway, "roost_store_mismatches")).toBe(1);
  }
  await isUnwell(stage, node, "storesDiffer", ...places);
  await stage.says(node, /error a gateway does not link this node .*gateway-1/);
  return node;
}

describe("slips", () => {
  test("each chat node has an SQLite file of its own", async () => {
    const other = join(newFolder(), "own.db");
    // All at once: both gateways refuse the same one all the same.
    const stage = await putTogether({ chats: 2 }, { slips: { "chat-2": { "--store": `sqlite:${other}` } } });
    const refused = await refusedNode(stage, [stage.path("messages.db"), other]);
    expect(refused).toMatch(/^chat-/);
    await servesRightly(stage);
    await stage.cluster.end(refused, "SIGTERM");
    for (const gateway of stage.cluster.names("gateway"))
      await until(() => stage.cluster.isReady(gateway), `${gateway} is well again`);
    await servesRightly(stage, 2);
  }, 120_000);

  test("each chat node has a copy of a standalone server's messages", async () => {
    const folder = newFolder();
    const [seed, one, other] = [join(folder, "seed.db"), join(folder, "one.db"), join(folder, "other.db")];
    await (await openSqliteStore({ path: seed, retentionDays: 0, log: silentLog })).close();
    for (const path of [one, other]) copyFileSync(seed, path);
    const slips = { "chat-1": { "--store": `sqlite:${one}` }, "chat-2": { "--store": `sqlite:${other}` } };
    const stage = await putTogether({ chats: 2 }, { slips });
    await refusedNode(stage, [one, other]);
    await servesRightly(stage);
  }, 120_000);

  test("the chat nodes' sessions are others than the login nodes'", async () => {
    const other = join(newFolder(), "own.db");
    const slips = Object.fromEntries(["chat-1", "chat-2"].map((name) => [name, { "--sessions": `sqlite:${other}` }]));
    const stage = await ClusterStage.prepare({ gateways: 2, logins: 2, chats: 2 }, { slips });
    endings.push(() => stage.close());
    const { cluster } = stage;
    for (const kind of ["discovery", "login", "chat", "gateway"] as const)
      await Promise.all(cluster.names(kind).map((name) => cluster.start(name)));
    const places = [stage.path("sessions.db"), other, "--sessions"];
    for (const name of cluster.names("gateway"))
      await isUnwell(stage, name, "storesDiffer", "chat-1", "chat-2", ...places);
    for (const name of cluster.names("chat")) await isUnwell(stage, name, "storesDiffer", ...places);
    // Nobody is told to sign in again, for ever: it cannot be served now.
    const alice = await stage.wire("alice");
    const answer = await alice.request(Command.UserTalk, "bob", MessageReqSchema, { type: 1, body: "hello" });
    expect(answer.status).toBe(Status.ServiceUnavailable);
  }, 120_000);

  for (const late of ["chat-2", "login-2"]) {
    test(`of several nodes ${late} has other sessions`, async () => {
      const other = join(newFolder(), "own.db");
      const stage = await putTogether(
        { logins: 2, chats: 2 },
        { slips: { [late]: { "--sessions": `sqlite:${other}` } } },
        [late],
      );
      expect(await refusedNode(stage, [stage.path("sessions.db"), other])).toBe(late);
      await servesRightly(stage);
    }, 120_000);

    test.skipIf(isRedisMissing)(
      `of several nodes ${late} has another, empty database of one Redis`,
      async () => {
        const redis = await RedisServer.start();
        endings.push(() => redis.remove());
        const [right, wrong] = [redis.url(0), redis.url(1)];
        const slips = { [late]: { "--sessions": wrong } };
        const stage = await putTogether({ logins: 2, chats: 2 }, { sessions: right, slips }, [late]);
        expect(await refusedNode(stage, [right, wrong])).toBe(late);
        await servesRightly(stage);
      },
      120_000,
    );
  }

  test("gateways do not reach one of two chat nodes", async () => {
    const slips = { "chat-2": { "--advertise": "127.0.0.1:1" } };
    const stage = await putTogether({ chats: 2 }, { slips });
    const alice = await stage.wire("alice");
    await stage.says(
      "chat-2",
      /warn +a gateway that has signed people in is not linked .* gateway="gateway-1"/,
      40_000,
    );
    expect(alice.isClosed).toBe(false);
    const { text } = await healthOf(stage, "chat-2");
    expect(JSON.parse(text)).toMatchObject({ unlinkedGateways: "gateway-1,gateway-2" });
    expect(await stage.count("chat-2", "roost_unlinked_gateways")).toBe(2);
    for (const name of ["chat-1", "login-1"]) {
      expect(await stage.count(name, "roost_unlinked_gateways")).toBe(0);
      expect((await healthOf(stage, name)).status).toBe(200);
    }
    // A gateway that is killed, and one that leaves, are no alarm.
    await stage.cluster.end("gateway-1", "SIGKILL");
    await stage.cluster.end("gateway-2", "SIGTERM");
    await until(async () => (await stage.count("chat-2", "roost_unlinked_gateways")) === 0, "it is over", 40_000);
    await Bun.sleep(10_000);
    expect(stage.cluster.process("chat-1")?.log).not.toContain("is not linked to this node");
  }, 120_000);

  test("two registry nodes are not told of each other", async () => {
    const stage = await ClusterStage.prepare(
      { discovery: 2, gateways: 2, logins: 2, chats: 2 },
      { slips: { "discovery-1": { "--peers": undefined }, "discovery-2": { "--peers": undefined } } },
    );
    endings.push(() => stage.close());
    const { cluster } = stage;
    const [one = "", two = ""] = cluster.registry;
    await Promise.all(cluster.names("discovery").map((name) => cluster.start(name)));
    const members = ["login", "chat", "gateway"] as const;
    const names = members.flatMap((kind) => cluster.names(kind));
    await Promise.all(names.map((name) => cluster.start(name)));
    // Each is listed by one of them: whatever they have chosen, each says so.
    for (const name of names) {
      await isUnwell(stage, name, "registrySplit", one, two, "--peers");
      await stage.says(name, /warn +registry nodes do not replicate .*--peers/);
      expect(await stage.count(name, "roost_registry_gaps")).toBe(1);
    }
  }, 120_000);

  test("two registry nodes that replicate, and restart one after the other, are no alarm", async () => {
    const stage = await ClusterStage.start({ discovery: 2 });
    endings.push(() => stage.close());
    const { cluster } = stage;
    for (const name of cluster.names("discovery")) {
      await cluster.end(name, "SIGKILL");
      await Bun.sleep(8_000);
      await cluster.start(name);
      await Bun.sleep(8_000);
    }
    await cluster.ready();
    for (const name of ["login-1", "chat-1", "gateway-1"])
      expect(cluster.process(name)?.log).not.toContain("do not replicate");
  }, 120_000);
});

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

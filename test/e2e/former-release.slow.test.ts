// A rolling upgrade: processes of the former release and of this one are one cluster, in each mix of roles, and the
// former ones are replaced one at a time, in a random order, while people talk. Nothing is lost, no request stays
// unanswered, and nobody is signed out.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { Command } from "../../src/wire/commands.ts";
import { MessagePushSchema } from "../../src/wire/gen/pkt_pb.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { talk } from "../support/commands.ts";
import { patiently, talkThroughRestarts } from "../support/conversation.ts";
import { formerRelease, formerReleaseMissing } from "../support/former-release.ts";
import { type Engines, mixes, Servers, startMixedCluster } from "../support/mixed-cluster.ts";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { Random, testSeed } from "../support/random.ts";
import { isRedisMissing } from "../../scripts/harness/redis.ts";
import { endings } from "../support/endings.ts";
import { until } from "../../scripts/harness/until.ts";

/** Two of each. */
const size = { discovery: 2, gateways: 2, logins: 2, chats: 2 };

const ends = endings();

afterAll(() => Servers.stop());

async function startMixed(engines: Engines, isFormer: (name: string) => boolean): Promise<ClusterStage> {
  const stage = await startMixedCluster(size, engines, isFormer);
  ends.push(() => stage.close());
  return stage;
}

/**
 * Somebody new signs in, again and again, at one gateway after the other; each is let in, at once or when trying again.
 */
async function comeAndGo({ cluster }: ClusterStage, time: { readonly isUp: boolean }): Promise<number> {
  let count = 0;
  while (!time.isUp) {
    const url = `tcp://${cluster.gateways[count % cluster.gateways.length]?.tcp}`;
    const account = `newcomer${count}`;
    const client = await patiently(() => RoostClient.connect({ url, token: () => cluster.token(account) }));
    await patiently(() => client.index(0n, false));
    await client.close();
    count++;
    await Bun.sleep(20);
  }
  return count;
}

async function upgradeWhilePeopleTalk(stage: ClusterStage, former: readonly string[]): Promise<void> {
  const { cluster } = stage;
  const random = new Random(testSeed("rolling upgrade"));
  const inTurn = former.map((name) => ({ name, turn: random.below(2 ** 32) })).toSorted((a, b) => a.turn - b.turn);
  console.log(`replaced: ${inTurn.map(({ name }) => name).join(", ")}`);
  const time = { isUp: false };
  const coming = comeAndGo(stage, time);
  await talkThroughRestarts(cluster, random, async (goOn) => {
    for (const { name } of inTurn) {
      await goOn();
      expect(await cluster.end(name, "SIGTERM")).toBe(0);
      cluster.setProgram(name, undefined);
      await cluster.start(name);
      await until(() => cluster.isReady(name), `${name} is ready`);
    }
  });
  time.isUp = true;
  expect(await coming).toBeGreaterThan(former.length);
}

const skipped = formerReleaseMissing === undefined ? "" : ` (skipped: ${formerReleaseMissing})`;

describe.skipIf(formerReleaseMissing !== undefined)(`nothing is lost while an upgrade replaces${skipped}`, () => {
  beforeAll(() => void formerRelease(), 120_000);

  for (const [mix, isFormer] of Object.entries(mixes)) {
    const upgrade = async (engines: Engines): Promise<void> => {
      const stage = await startMixed(engines, isFormer);
      await upgradeWhilePeopleTalk(stage, stage.cluster.names().filter(isFormer));
    };

    test(`${mix}, over SQLite`, () => upgrade({}), 90_000);

    test.skipIf(!hasPostgres || isRedisMissing)(
      `${mix}, over PostgreSQL and Redis`,
      async () => upgrade(await Servers.engines()),
      180_000,
    );
  }
});

describe.skipIf(formerReleaseMissing !== undefined)(`behind a gateway of the former release${skipped}`, () => {
  test("reading acknowledges nothing, though the client names no device: its request is not passed on", async () => {
    const stage = await startMixed({}, (name) => name.startsWith("gateway"));
    const { cluster } = stage;
    const connect = (account: string): Promise<RoostClient> =>
      RoostClient.connect({
        url: `tcp://${cluster.gateways[0]?.tcp}`,
        token: () => cluster.token(account),
        acknowledge: false,
      });
    const bob = await connect("bob");
    const ids: bigint[] = [];
    for (const body of ["one", "two", "three"]) ids.push((await bob.talkToUser("alice", { body })).id);
    const alice = await connect("alice");
    const listed = async (after: bigint): Promise<bigint[]> =>
      (await alice.index(after, false)).map(({ messageId }) => messageId);
    expect(await listed(ids[1] ?? 0n)).toEqual(ids.slice(2));
    expect(await listed(0n)).toEqual(ids);
    await alice.acknowledge(ids[0] ?? 0n);
    expect(await listed(0n)).toEqual(ids.slice(1));
    await Promise.all([alice.close(), bob.close()]);
  }, 180_000);
});

describe.skipIf(formerReleaseMissing !== undefined)(`after this release has opened the stores${skipped}`, () => {
  /** The number of the format of the messages in a cluster's store. */
  const formatOf = (stage: ClusterStage): unknown => {
    const db = new Database(stage.path("messages.db"), { readonly: true });
    try {
      return db.query("PRAGMA user_version").values().flat()[0];
    } finally {
      db.close();
    }
  };

  test("a chat node of the former one starts if the format is still its own, else says why it does not", async () => {
    const former = await ClusterStage.prepare({ gateways: 0, logins: 0 });
    ends.push(() => former.close());
    for (const name of ["discovery-1", "chat-1"]) {
      former.cluster.setProgram(name, formerRelease());
      await former.cluster.start(name);
    }
    const stage = await ClusterStage.start();
    ends.push(() => stage.close());
    const { cluster } = stage;
    await cluster.end("chat-1", "SIGTERM");
    cluster.setProgram("chat-1", formerRelease());
    if (formatOf(stage) === formatOf(former)) {
      await cluster.start("chat-1");
      await until(() => cluster.isReady("chat-1"), "the chat node is back");
    } else await expect(cluster.start("chat-1")).rejects.toThrow("start the newer program that wrote it");
  }, 180_000);

  test("a login node of the former release starts, and signed-in clients stay signed in", async () => {
    const stage = await ClusterStage.start({ gateways: 2 });
    ends.push(() => stage.close());
    const { cluster } = stage;
    const alice = await stage.wire("alice", 0);
    const bob = await stage.wire("bob", 1);
    await cluster.end("login-1", "SIGTERM");
    cluster.setProgram("login-1", formerRelease());
    await cluster.start("login-1");
    await until(() => cluster.isReady("login-1"), "the login node is back");
    await talk(alice, "bob", "still here?");
    expect((await bob.pushed(Command.UserTalk, MessagePushSchema)).map(({ body }) => body)).toEqual(["still here?"]);
    const carol = await stage.wire("carol", 1);
    await talk(carol, "alice", "I am new");
    expect((await alice.pushed(Command.UserTalk, MessagePushSchema)).map(({ body }) => body)).toEqual(["I am new"]);
  }, 180_000);
});

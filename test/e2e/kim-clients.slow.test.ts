// KIM's clients at clusters of this release, and of this one and the former: what KIM's own Go tests do, and what its
// web SDK does. A chat node of the former release dates messages in whole milliseconds, takes no cursor for an
// acknowledgement, and refuses an acknowledgement of 0 and the leaving of who has left.

import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { fromBinary } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import {
  Flag,
  GroupCreateReqSchema,
  GroupCreateRespSchema,
  GroupQuitReqSchema,
  MessageAckReqSchema,
  MessageContentReqSchema,
  MessageContentRespSchema,
  MessageIndexReqSchema,
  MessageIndexRespSchema,
  MessagePushSchema,
  MessageReqSchema,
  MessageRespSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import type { ClusterStage } from "../support/cluster-stage.ts";
import { formerRelease, formerReleaseMissing } from "../support/former-release.ts";
import { KimGoClient, KimStorage, kimToken, KimWebClient } from "../support/kim-client.ts";
import { type Engines, mixes, Servers, startMixedCluster } from "../support/mixed-cluster.ts";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { realNs } from "../support/real-clock.ts";
import { isRedisMissing } from "../../scripts/harness/redis.ts";
import { until } from "../../scripts/harness/until.ts";

const size = { discovery: 1, gateways: 2, logins: 2, chats: 2 };

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});
afterAll(() => Servers.stop());

class Kim {
  private readonly stage: ClusterStage;
  private readonly secret: string;
  /** All chat nodes are of this release. */
  readonly isNew: boolean;

  /** Gateways and login nodes, too. */
  readonly readingAcknowledges: boolean;

  constructor(stage: ClusterStage, isNew: boolean, readingAcknowledges = isNew) {
    this.stage = stage;
    this.isNew = isNew;
    this.readingAcknowledges = readingAcknowledges;
    this.secret = readFileSync(stage.path("secret"), "utf8").trim();
    endings.push(() => stage.close());
  }

  async go(account: string, gateway = 0): Promise<KimGoClient> {
    const client = await KimGoClient.login(this.url(gateway), kimToken(this.secret, account));
    endings.push(() => client.close());
    return client;
  }

  async web(account: string, storage: KimStorage, gateway = 0): Promise<KimWebClient> {
    const client = await KimWebClient.login(this.url(gateway), kimToken(this.secret, account), storage);
    endings.push(() => client.logout());
    return client;
  }

  private url(gateway: number): string {
    return `ws://${this.stage.cluster.gateways[gateway]?.ws}`;
  }
}

/** The next packet of KIM's client, which it takes for the answer. */
async function answered(client: KimGoClient, command: string): Promise<Uint8Array> {
  const { header, body } = await client.read();
  expect([header.command, header.flag, header.status]).toEqual([command, Flag.Response, Status.Success]);
  return body;
}

/** Test_Usertalk of KIM. */
async function userTalk(kim: Kim): Promise<void> {
  const cli1 = await kim.go("test1");
  const cli2 = await kim.go("test2", 1);
  cli1.send(Command.UserTalk, "test2", MessageReqSchema, { type: 1, body: "hello world" });
  const { messageId, sendTime } = fromBinary(MessageRespSchema, await answered(cli1, Command.UserTalk));
  expect(messageId).toBeGreaterThan(1000n);
  expect(sendTime).toBeGreaterThan(1000n);
  const push = fromBinary(MessagePushSchema, (await cli2.read()).body);
  expect(push).toMatchObject({ messageId, sendTime, body: "hello world", type: 1 });
}

/** Test_grouptalk of KIM. */
async function groupTalk(kim: Kim, round: number): Promise<void> {
  const [one, two, three, four] = [1, 2, 3, 4].map((number) => `g${round}.test${number}`);
  const cli1 = await kim.go(one ?? "");
  cli1.send(Command.GroupCreate, "", GroupCreateReqSchema, {
    name: "group1",
    owner: one ?? "",
    members: [one ?? "", two ?? "", three ?? "", four ?? ""],
  });
  const { groupId } = fromBinary(GroupCreateRespSchema, await answered(cli1, Command.GroupCreate));
  expect(groupId).not.toBe("");
  const cli2 = await kim.go(two ?? "", 1);
  const cli3 = await kim.go(three ?? "");
  const t1 = realNs();
  cli1.send(Command.GroupTalk, groupId, MessageReqSchema, { type: 1, body: "hellogroup" });
  await answered(cli1, Command.GroupTalk);
  const { header, body } = await cli2.read();
  expect(header.command).toBe(Command.GroupTalk);
  const notify = fromBinary(MessagePushSchema, body);
  expect(notify).toMatchObject({ body: "hellogroup", type: 1, extra: "" });
  expect(notify.messageId).toBeGreaterThan(10_000n);
  expect(notify.sendTime).toBeGreaterThan(kim.isNew ? t1 : t1 - 1_000_000n);
  expect(fromBinary(MessagePushSchema, (await cli3.read()).body).body).toBe("hellogroup");
  cli2.send(Command.GroupQuit, "", GroupQuitReqSchema, { account: two ?? "", groupId });
  await answered(cli2, Command.GroupQuit);
  if (kim.isNew) {
    cli2.send(Command.GroupQuit, "", GroupQuitReqSchema, { account: two ?? "", groupId });
    await answered(cli2, Command.GroupQuit);
  }
  for (const client of [cli1, cli2, cli3]) client.close();
}

/** Test_offline of KIM, and an acknowledgement of 0. */
async function offline(kim: Kim): Promise<void> {
  const cli = await kim.go("u1");
  for (let number = 0; number < 10; number++) {
    cli.send(Command.UserTalk, "u2", MessageReqSchema, { type: 1, body: "hello world" });
    await answered(cli, Command.UserTalk);
  }
  const dest = await kim.go("u2", 1);
  const index = async (messageId?: bigint) => {
    dest.send(Command.OfflineIndex, "", MessageIndexReqSchema, messageId === undefined ? {} : { messageId });
    return fromBinary(MessageIndexRespSchema, await answered(dest, Command.OfflineIndex)).indexes;
  };
  const indexes = await index();
  expect(indexes).toHaveLength(10);
  expect(indexes[0]).toMatchObject({ accountB: "u1", direction: 0 });
  const messageIds = indexes.map(({ messageId }) => messageId);
  expect(await index(messageIds.at(-1))).toEqual([]);
  dest.send(Command.OfflineContent, "", MessageContentReqSchema, { messageIds });
  const { contents } = fromBinary(MessageContentRespSchema, await answered(dest, Command.OfflineContent));
  expect(contents.map(({ type, body }) => [type, body])).toEqual(messageIds.map(() => [1, "hello world"]));
  if (!kim.isNew) return;
  dest.send(Command.TalkAck, "", MessageAckReqSchema, { messageId: 0n });
  await answered(dest, Command.TalkAck);
}

/** The web SDK of a client that comes, goes, comes back, and comes from another server. */
async function web(kim: Kim): Promise<void> {
  const bob = await kim.web("bob", new KimStorage());
  const storage = new KimStorage();
  const first: bigint[] = [];
  for (let number = 0; number < 60; number++)
    first.push((await bob.talk(Command.UserTalk, "alice", `${number}`)).messageId);
  let alice = await kim.web("alice", storage, 1);
  expect(alice.offline.map(({ messageId }) => messageId)).toEqual(first);
  expect((await alice.load(alice.offline.slice(0, 50))).map(({ body }) => body)).toEqual(
    Array.from({ length: 50 }, (_, number) => `${number}`),
  );

  // What it has listed, it has; it has acknowledged nothing but by its cursor.
  await alice.logout();
  alice = await kim.web("alice", storage);
  if (kim.readingAcknowledges) expect(alice.offline).toEqual([]);
  const { messageId } = await bob.talk(Command.UserTalk, "alice", "pushed");
  await until(() => alice.messages.length > 0, "the push has come");
  expect(alice.messages[0]).toMatchObject({ messageId, body: "pushed", sender: "bob" });
  await alice.acknowledge();
  await alice.logout();
  const missed = await bob.talk(Command.UserTalk, "alice", "missed");
  alice = await kim.web("alice", storage, 1);
  expect(alice.offline.map((entry) => entry.messageId)).toEqual([missed.messageId]);

  // Another browser of hers ends this one. It has a cursor of another server, whose ids are of an earlier epoch.
  const unread = await bob.talk(Command.UserTalk, "alice", "unread");
  const other = new KimStorage();
  other.lastId = messageId + (1n << 60n);
  const elsewhere = await kim.web("alice", other);
  await until(() => alice.isKickedOut, "the former one is told");
  const listed = elsewhere.offline.map((entry) => entry.messageId);
  expect(listed).toContain(unread.messageId);
  if (kim.readingAcknowledges) expect(listed).toEqual([unread.messageId]);
}

async function actOut(kim: Kim): Promise<void> {
  await userTalk(kim);
  for (let round = 0; round < 20; round++) await groupTalk(kim, round);
  await offline(kim);
  await web(kim);
}

const noneIsFormer = (): boolean => false;

describe("KIM's clients do what they do", () => {
  test(
    "at a cluster over SQLite",
    async () => actOut(new Kim(await startMixedCluster(size, {}, noneIsFormer), true)),
    180_000,
  );

  test.skipIf(!hasPostgres || isRedisMissing)(
    "at a cluster over PostgreSQL and Redis",
    async () => actOut(new Kim(await startMixedCluster(size, await Servers.engines(), noneIsFormer), true)),
    180_000,
  );
});

const skipped = formerReleaseMissing === undefined ? "" : ` (skipped: ${formerReleaseMissing})`;

describe.skipIf(formerReleaseMissing !== undefined)(`and where the former release has${skipped}`, () => {
  beforeAll(() => void formerRelease(), 120_000);

  for (const [mix, isFormer] of Object.entries(mixes)) {
    const at = async (engines: Engines): Promise<void> => {
      const stage = await startMixedCluster(size, engines, isFormer);
      const { cluster } = stage;
      // All on the way have to tell these clients from newer ones.
      const readingAcknowledges = !cluster.names().some((name) => isFormer(name) && !name.startsWith("discovery"));
      await actOut(new Kim(stage, !cluster.names("chat").some(isFormer), readingAcknowledges));
    };

    test(`${mix}, over SQLite`, () => at({}), 60_000);

    test.skipIf(!hasPostgres || isRedisMissing)(
      `${mix}, over PostgreSQL and Redis`,
      async () => at(await Servers.engines()),
      180_000,
    );
  }
});

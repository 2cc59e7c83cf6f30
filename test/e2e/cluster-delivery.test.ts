// What people notice of a cluster with several gateways, login and chat nodes: every message arrives, wherever its
// receivers are connected, and one connection a device.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { limitTable } from "../../src/base/limits/table.ts";
import { openConnection } from "../../src/store/sqlite/connection.ts";
import { smallestIdAt } from "../../src/store/snowflake.ts";
import { CloseCode } from "../../src/wire/close-reason.ts";
import { Command } from "../../src/wire/commands.ts";
import {
  KickoutNotifySchema,
  LoginReqSchema,
  MessageAckReqSchema,
  MessageIndexReqSchema,
  MessagePushSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { createGroup, groupTalk, readContents, readIndex, talk } from "../support/commands.ts";
import { Random, testSeed } from "../support/random.ts";
import { sentenceOf } from "../support/wire-client.ts";
import { until } from "../../scripts/harness/until.ts";

const gateways = 2;
let stage: ClusterStage;

beforeAll(async () => {
  stage = await ClusterStage.start({ gateways, logins: 2, chats: 2 });
}, 60_000);
afterAll(() => stage.close());

test("members of a group hear it on whichever gateway they are", async () => {
  const names = Array.from({ length: 12 }, (_, at) => `member${at}`);
  const members = await Promise.all(names.map((name, at) => stage.wire(name, at % gateways)));
  const [owner, ...others] = members;
  if (owner === undefined) throw new Error("there is an owner");
  const group = await createGroup(owner, names.slice(1));
  // Each member may be with another chat node than the one before.
  for (const [at, member] of members.entries()) await groupTalk(member, group, `from ${names[at]}`);
  for (const [at, member] of [...others.entries()]) {
    const heard = await member.pushed(Command.GroupTalk, MessagePushSchema, names.length - 1);
    // What two chat nodes push may overtake each other: the order is that of the ids.
    const inOrder = heard.toSorted((one, other) => Number(one.messageId - other.messageId));
    expect(inOrder.map(({ body }) => body)).toEqual(
      names.filter((name) => name !== names[at + 1]).map((name) => `from ${name}`),
    );
  }
}, 60_000);

test("an old device that is sent away and ends does not take the new one with it", async () => {
  const sender = await stage.wire("sender17", 0);
  for (let round = 0; round < 10; round++) {
    const name = `moving${round}`;
    const old = await stage.wire(name, round % gateways);
    const fresh = await stage.wire(name, (round + 1) % gateways);
    const [kick] = await old.pushed(Command.SignIn, KickoutNotifySchema);
    expect(kick?.channelId).toBe(old.channelId);
    expect((await old.ending()).code).toBe(CloseCode.Kicked);
    await talk(sender, name, "for the new one");
    const [heard] = await fresh.pushed(Command.UserTalk, MessagePushSchema);
    expect(heard?.body).toBe("for the new one");
  }
}, 60_000);

test("of two sign-ins at one moment through two gateways one stays, and hears", async () => {
  const sender = await stage.wire("sender18", 0);
  for (let round = 0; round < 20; round++) {
    const name = `double${round}`;
    const both = await Promise.all([0, 1].map((gateway) => stage.stranger(gateway)));
    const token = await stage.cluster.token(name);
    // Whoever is overtaken may be closed before it has read that it was let in.
    await Promise.allSettled(both.map((client) => client.signIn(token)));
    await until(() => both.some(({ isClosed }) => isClosed), "one is sent away");
    await talk(sender, name, "for the one who stays");
    const staying = both.filter(({ isClosed }) => !isClosed);
    expect(staying).toHaveLength(1);
    await staying[0]?.pushed(Command.UserTalk, MessagePushSchema);
  }
}, 60_000);

test("every sign-in is answered before anything else, and a refused one leaves no connection", async () => {
  const request = toBinary(MessageIndexReqSchema, create(MessageIndexReqSchema, {}));
  await Promise.all(
    Array.from({ length: 100 }, async (_, at) => {
      const client = await stage.stranger(at % gateways);
      const answers = [client.expect(1, "the sign-in"), client.expect(2, "what follows it at once")];
      const token = await stage.cluster.token(`hasty${at}`);
      const body = toBinary(LoginReqSchema, create(LoginReqSchema, { token }));
      client.send({ command: Command.SignIn, sequence: 1 }, body);
      client.send({ command: Command.OfflineIndex, sequence: 2 }, request);
      expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([Status.Success, Status.Success]);
    }),
  );
  for (let device = 0; device < limitTable.devicesPerAccount.initial; device++)
    await stage.wire("many", device % gateways, `${device}`);
  const count = (): Promise<number> => stage.count("gateway-1", "roost_channels");
  const before = await count();
  const refused = await stage.stranger(0);
  const token = await stage.cluster.token("many");
  const answer = await refused.request(Command.SignIn, "", LoginReqSchema, { token, device: "one more" });
  expect(answer.status).toBe(Status.Forbidden);
  expect(sentenceOf(answer)).toContain(`${limitTable.devicesPerAccount.initial} devices`);
  expect((await refused.ending()).code).toBe(CloseCode.Unauthorised);
  await until(async () => (await count()) <= before, "the connection is gone");
}, 60_000);

test("an index that is read while two nodes write ahead of their clocks shows each message once", async () => {
  const random = new Random(testSeed("writers ahead"));
  // The last id is half a minute ahead of the clock, as after a node whose clock is: ids go on from there.
  const db = openConnection({ path: stage.path("messages.db"), synchronous: "FULL", cacheKib: 256 });
  db.run("UPDATE sequence SET last_id = max(last_id, ?)", [smallestIdAt(Date.now() + 30_000)]);
  db.close();
  const reader = await stage.wire("reader", 0);
  const writers = await Promise.all(Array.from({ length: 8 }, (_, at) => stage.wire(`writer${at}`, at % gateways)));
  const stored: bigint[] = [];
  const writing = Promise.all(
    writers.map(async (writer, at) => {
      for (let number = 0; number < 40; number++) {
        stored.push((await talk(writer, "reader", `${at} ${number}`)).messageId);
        if (random.once(8)) await Bun.sleep(random.below(5));
      }
    }),
  );
  const found: bigint[] = [];
  const readOn = async (): Promise<number> => {
    const page = await readIndex(reader, found.at(-1) ?? 1n);
    found.push(...page.map(({ messageId }) => messageId));
    return page.length;
  };
  const writers40 = { areDone: false };
  void writing.then(() => (writers40.areDone = true));
  while (!writers40.areDone) await readOn();
  await writing;
  while ((await readOn()) > 0);
  expect(found).toEqual(stored.toSorted((one, other) => (one < other ? -1 : 1)));
  expect(new Set(found).size).toBe(stored.length);
}, 60_000);

test("messages of one sender come in its order, a thousand times", async () => {
  const alice = await stage.sdk("alice22", 0);
  const bob = await stage.wire("bob22", 1);
  const talks = Array.from({ length: 1_000 }, (_, number) => alice.talkToUser("bob22", { body: `${number}` }));
  const ids = (await Promise.all(talks)).map(({ id }) => id);
  const heard = await bob.pushed(Command.UserTalk, MessagePushSchema, ids.length);
  expect(heard.map(({ body }) => Number(body))).toEqual(ids.map((_, number) => number));
  expect((await readIndex(bob)).map(({ messageId }) => messageId)).toEqual(ids);
}, 60_000);

test("an acknowledgement of what does not exist yet is refused, and blinds nobody", async () => {
  const alice = await stage.wire("alice35", 0);
  const bob = await stage.wire("bob35", 1);
  const { messageId } = await talk(alice, "bob35", "first");
  for (const ahead of [1_000_000_000n, 2n ** 62n]) {
    const answer = await bob.request(Command.TalkAck, "", MessageAckReqSchema, { messageId: messageId + ahead });
    expect(answer.status).toBe(Status.InvalidPacketBody);
    expect(sentenceOf(answer)).toContain("no message with that id yet");
  }
  await talk(alice, "bob35", "second");
  const index = await readIndex(bob);
  const contents = await readContents(
    bob,
    index.map((entry) => entry.messageId),
  );
  expect(contents.map(({ body }) => body)).toEqual(["first", "second"]);
}, 60_000);

// Processes of a cluster that die, and links that break: every request is answered, what was stored stays, and a
// client that was there is not taken for one that is.

import { afterEach, expect, test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import type { Location } from "../../src/session/sessions.ts";
import { openSqliteSessions } from "../../src/session/sqlite/sqlite-sessions.ts";
import { Command } from "../../src/wire/commands.ts";
import { GroupGetReqSchema, MessagePushSchema, MessageReqSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { readContents, readIndex, talk } from "../support/commands.ts";
import { freePorts } from "../../scripts/harness/free-ports.ts";
import { LinkProxy } from "../support/link-proxy.ts";
import { until } from "../../scripts/harness/until.ts";
import type { WireClient } from "../support/wire-client.ts";

const stages: ClusterStage[] = [];
const endings: (() => unknown)[] = [];

afterEach(async () => {
  await Promise.all(stages.splice(0).map((stage) => stage.close()));
  for (const end of endings.splice(0)) await end();
});

async function start(...parts: Parameters<typeof ClusterStage.start>): Promise<ClusterStage> {
  const stage = await ClusterStage.start(...parts);
  stages.push(stage);
  return stage;
}

/** What the sessions' file says of an account. */
async function located(stage: ClusterStage, account: string): Promise<readonly Location[]> {
  const sessions = await openSqliteSessions({ path: stage.path("sessions.db"), claim: stage.claim, log: silentLog });
  try {
    const [locations = []] = await sessions.locate("app", [account]);
    return locations;
  } finally {
    await sessions.close();
  }
}

/** The chat node that serves a client: the one that counts a request which nobody else sends here. */
async function chatOf(stage: ClusterStage, client: WireClient): Promise<string> {
  const names = stage.cluster.names("chat");
  const counts = (): Promise<number[]> =>
    Promise.all(names.map((name) => stage.count(name, "roost_message_in_total", `command="${Command.GroupDetail}"`)));
  const before = await counts();
  await client.request(Command.GroupDetail, "", GroupGetReqSchema, { groupId: "1" });
  const after = await counts();
  const serving = names.find((_, at) => after[at] !== before[at]);
  if (serving === undefined) throw new Error("no chat node counted the request");
  return serving;
}

/** Sends talks without waiting; the statuses of their answers, by number. */
function sendTalks(client: WireClient, to: string, count: number): Promise<number[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, number) => {
      const said = { type: 1, body: `${number}`, clientId: `talk ${number}` };
      return (await client.request(Command.UserTalk, to, MessageReqSchema, said)).status;
    }),
  );
}

test("a gateway that dies takes its sessions along; one that comes back under its id revives none", async () => {
  const stage = await start({ gateways: 2 });
  const { cluster } = stage;
  const alice = await stage.wire("alice", 1);
  for (const isAwayForLong of [true, false]) {
    const bob = await stage.wire("bob", 0);
    await until(async () => (await located(stage, "bob")).length === 1, "bob is there");
    const [before] = await located(stage, "bob");
    await cluster.end("gateway-1", "SIGKILL");
    await bob.ending();
    const { messageId } = await talk(alice, "bob", "nobody is there");
    if (isAwayForLong) await until(async () => (await located(stage, "bob")).length === 0, "his session has ended");
    await cluster.start("gateway-1");
    await until(() => cluster.isReady("gateway-1"), "the gateway is back");
    await until(
      async () => (await located(stage, "bob")).length === 0,
      "the new start holds no session of the old one",
    );
    await talk(alice, "bob", "still nobody");
    expect(await located(stage, "bob")).toEqual([]);
    const again = await stage.wire("bob", 0);
    expect(again.channelId).not.toBe(before?.channelId ?? "");
    expect((await readIndex(again)).map((entry) => entry.messageId)).toContain(messageId);
    await talk(alice, "bob", "there he is");
    const [heard] = await again.pushed(Command.UserTalk, MessagePushSchema);
    expect(heard?.body).toBe("there he is");
    again.terminate();
    await until(async () => (await located(stage, "bob")).length === 0, "bob is gone");
  }
}, 180_000);

test("requests in flight at a chat node that dies are answered at once, and may be repeated elsewhere", async () => {
  const stage = await start({ chats: 2 });
  const { cluster } = stage;
  const alice = await stage.wire("alice");
  const bob = await stage.wire("bob");
  const serving = await chatOf(stage, alice);
  cluster.process(serving)?.signal("SIGSTOP");
  const talks = sendTalks(alice, "bob", 100);
  // All of them are with the node once the gateway has sent this one there.
  await until(
    async () => (await stage.count("gateway-1", "roost_message_in_total", `command="${Command.UserTalk}"`)) === 100,
    "the gateway has passed them on",
  );
  await cluster.end(serving, "SIGKILL");
  expect(new Set(await talks)).toEqual(new Set([Status.ServiceUnavailable]));
  await Promise.all([alice, bob].map((client) => until(() => syncs(client) > 0, "everybody is told to look")));
  expect(await sendTalks(alice, "bob", 100)).toEqual(Array.from({ length: 100 }, () => Status.Success));
  expect(await bodies(bob)).toEqual(Array.from({ length: 100 }, (_, number) => `${number}`));
}, 180_000);

const syncs = (client: WireClient): number =>
  client.pushes.filter(({ header }) => header.command === Command.Sync).length;

/** Exactly this many hints have come once it waits no more: those sent before an answer come before it. */
async function expectSyncs(client: WireClient, count: number, what: string): Promise<void> {
  await until(() => syncs(client) >= count, what);
  await readIndex(client);
  expect(syncs(client)).toBe(count);
}

/** Everything that an account's index holds. */
async function bodies(client: WireClient): Promise<string[]> {
  const index = await readIndex(client, 1n);
  const contents = [];
  for (let at = 0; at < index.length; at += 200) {
    contents.push(
      ...(await readContents(
        client,
        index.slice(at, at + 200).map(({ messageId }) => messageId),
      )),
    );
  }
  return contents.map(({ body }) => body);
}

/** Talks in waves until a talk is not stored; what was answered with Success. */
async function talkUntilRefused(client: WireClient, to: string, name: string): Promise<string[]> {
  const stored: string[] = [];
  for (let wave = 0; wave < 100; wave++) {
    const said = Array.from({ length: 20 }, (_, at) => `${name} ${wave} ${at}`);
    const answers = await Promise.all(
      said.map((body) => client.request(Command.UserTalk, to, MessageReqSchema, { type: 1, body })),
    );
    stored.push(...said.filter((_, at) => answers[at]?.status === Status.Success));
    if (answers.some(({ status }) => status === Status.ServiceUnavailable)) return stored;
  }
  throw new Error("every talk was stored");
}

test("a chat node that dies between commit and push: receivers learn of it on the connection they have", async () => {
  const stage = await start({ gateways: 2, chats: 2 });
  const alice = await stage.wire("alice", 0);
  const heard: string[] = [];
  let ends = 0;
  await stage.sdk("bob", 1, { on: { message: ({ body }) => void heard.push(body), offline: () => void ends++ } });
  const reader = await stage.wire("bob", 1, "another device");
  for (let round = 1; round <= 3; round++) {
    const serving = await chatOf(stage, alice);
    const before = heard.length;
    const talking = talkUntilRefused(alice, "bob", `${round}`);
    await until(() => heard.length > before + 50 * round, "the talk is in full swing");
    await stage.cluster.end(serving, "SIGKILL");
    const answered = await talking;
    const stored = await bodies(reader);
    expect(new Set(stored).size).toBe(stored.length);
    expect(stored).toEqual(expect.arrayContaining(answered));
    await until(() => heard.length >= stored.length, "bob hears all that was stored");
    expect(heard.toSorted()).toEqual(stored.toSorted());
    // Once when the link broke, and once when the node was back.
    await expectSyncs(reader, 2 * round - 1, "his other device is told to look");
    await stage.cluster.start(serving);
    await until(() => stage.cluster.isReady(serving), "the node is back");
    await expectSyncs(reader, 2 * round, "and once more");
    // Her gateway may hear of it a little later than his.
    await until(async () => (await chatOf(stage, alice)) === serving, "the node serves her again");
  }
  expect(ends).toBe(0);
}, 180_000);

test("a broken link is dialled again while no registry runs, and talks go on without one", async () => {
  const [port = 0, behind = 0] = await freePorts(2);
  const proxy = await LinkProxy.start(port, behind);
  endings.push(() => proxy.stop());
  const words = { chat: ["--listen", `127.0.0.1:${behind}`, "--advertise", `127.0.0.1:${port}`] };
  const stage = await start({}, { words });
  const { cluster } = stage;
  const alice = await stage.wire("alice");
  const bob = await stage.wire("bob");
  await cluster.end("discovery-1", "SIGKILL");
  for (let round = 1; round <= 5; round++) {
    const { taken } = proxy;
    proxy.cut();
    await until(() => proxy.taken > taken, "the link is dialled again");
    // The loss of the link and its return come within a second: they are one hint.
    await until(() => syncs(bob) >= round, "bob is told to look");
    const said = { type: 1, body: `${round}`, clientId: `${round}` };
    await until(
      async () => (await alice.request(Command.UserTalk, "bob", MessageReqSchema, said)).status === Status.Success,
      "talks go on",
    );
    await expectSyncs(bob, round, "no other hint comes");
  }
  // Somebody new comes in, too.
  await talk(await stage.wire("carol"), "bob", "6");
  const heard = await bob.pushed(Command.UserTalk, MessagePushSchema, 6);
  expect(heard.map(({ body }) => body)).toEqual(["1", "2", "3", "4", "5", "6"]);
  expect(await bodies(bob)).toEqual(["1", "2", "3", "4", "5", "6"]);
}, 180_000);

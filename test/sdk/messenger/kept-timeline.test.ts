// Timelines that stay open: they keep a part of what was loaded, and load the rest again.

import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import type { Timeline } from "../../../src/sdk/messenger/messenger.ts";
import { Command } from "../../../src/wire/commands.ts";
import { ConversationListRespSchema, HistoryReqSchema, HistoryRespSchema } from "../../../src/wire/gen/pkt_pb.ts";
import { Messenger as Server } from "../../support/messenger.ts";
import { Random, testSeed } from "../../support/random.ts";
import type { PeerRequest } from "../../support/scripted-peer.ts";
import { endAll } from "../support.ts";
import { connect, listed, peerWithFeature, push, resetLog } from "./scripted-server.ts";
import { device, fresh, same } from "./support.ts";

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(() => server.stop());
afterEach(endAll);

const idsOf = (timeline: Timeline): readonly bigint[] => timeline.messages.map(({ id }) => id);
const textOf = (timeline: Timeline): string => timeline.messages.map(({ body }) => body).join("");

test("what a timeline forgets at its begin and its end is loaded again, as it is by then", async () => {
  const [alice, bob] = [fresh("alice"), fresh("bob")];
  const { client } = await device(server, alice, "phone");
  const talk = async (body: string): Promise<bigint> => (await client.talkToUser(bob, { body })).id;
  const ids: bigint[] = [];
  for (const body of "abcdefghi") ids.push(await talk(body));
  const id = (at: number): bigint => ids[at] ?? 0n;
  const timeline = await client.conversation({ account: bob }).timeline({ limit: 3 });
  await timeline.loadBefore();
  await timeline.loadBefore();
  expect([textOf(timeline), timeline.hasBefore, timeline.hasAfter]).toEqual(["abcdefghi", false, false]);
  let changes = 0;
  timeline.onChange(() => changes++);
  // Whole parts.
  timeline.keep(id(4), id(4));
  expect([textOf(timeline), timeline.hasBefore, timeline.hasAfter]).toEqual(["def", true, true]);
  await same(() => changes > 0, true, "the change is told");
  await client.edit(id(7), { body: "H" });
  ids.push(await talk("j"));
  expect(textOf(timeline)).toBe("def");
  await timeline.loadAfter();
  expect([textOf(timeline), timeline.hasAfter]).toEqual(["defgHi", true]);
  await Promise.all([timeline.loadAfter(), timeline.loadAfter()]);
  expect([textOf(timeline), timeline.hasAfter]).toEqual(["defgHij", false]);
  ids.push(await talk("k"));
  await timeline.loadBefore();
  expect([idsOf(timeline), timeline.hasBefore]).toEqual([ids, false]);
});

test("a timeline is a part of the conversation without gaps, and all of it once it was loaded", async () => {
  const random = new Random(testSeed("kept timeline"));
  const [alice, bob] = [fresh("alice"), fresh("bob")];
  const { client } = await device(server, alice, "phone");
  const all: bigint[] = [];
  const talk = async (): Promise<void> => void all.push((await client.talkToUser(bob, { body: "x" })).id);
  for (let count = 0; count < 20; count++) await talk();
  const timeline = await client.conversation({ account: bob }).timeline({ limit: 3 });
  const loaded = (): bigint => idsOf(timeline)[random.below(timeline.messages.length)] ?? 0n;
  const steps = [
    () => timeline.loadBefore(),
    () => timeline.loadAfter(),
    talk,
    // A message that comes while a page is on its way.
    () => Promise.all([timeline.loadAfter(), talk()]),
    () => Promise.all([talk(), timeline.loadBefore()]),
    () => {
      const [from = 0n, to = 0n] = [loaded(), loaded()].toSorted((one, other) => Number(one - other));
      timeline.keep(from, to);
      expect(idsOf(timeline)).toEqual(expect.arrayContaining([from, to]));
    },
  ] as const;
  for (let step = 0; step < 200; step++) {
    await random.pick(steps)();
    const now = idsOf(timeline);
    const from = all.indexOf(now[0] ?? 0n);
    expect(now).toEqual(all.slice(from, from + now.length));
    expect([timeline.hasBefore, timeline.hasAfter]).toEqual([from > 0, from + now.length < all.length]);
  }
  while (timeline.hasBefore) await timeline.loadBefore();
  while (timeline.hasAfter) await timeline.loadAfter();
  expect(idsOf(timeline)).toEqual(all);
});

test("what comes while the last page is on its way follows it, each once", async () => {
  const peer = peerWithFeature((request) => request.respond(ConversationListRespSchema, listed(9n, 0)));
  const asked: PeerRequest[] = [];
  peer.on(Command.History, (request) => void asked.push(request));
  const client = await connect(peer);
  await client.conversations.ready();
  const opening = client.conversation({ account: "bob" }).timeline({ limit: 3 });
  await same(() => asked.length, 1, "the newest page is asked for");
  const page = (...ids: readonly bigint[]) => ids.map((messageId) => ({ messageId, body: `now ${messageId}` }));
  asked[0]?.respond(HistoryRespSchema, { messages: page(7n, 8n, 9n), hasBefore: true });
  const timeline = await opening;
  const before = timeline.loadBefore();
  await same(() => asked.length, 2, "an older page is asked for");
  // Nothing is forgotten meanwhile.
  timeline.keep(7n, 7n);
  asked[1]?.respond(HistoryRespSchema, { messages: page(4n, 5n, 6n), hasAfter: true });
  await before;
  timeline.keep(4n, 4n);
  expect([idsOf(timeline), timeline.hasAfter]).toEqual([[4n, 5n, 6n], true]);
  const after = timeline.loadAfter();
  await same(() => asked.length, 3, "a newer page is asked for");
  expect(asked[2]?.body(HistoryReqSchema)).toMatchObject({ before: 0n, after: 6n, limit: 3 });
  for (const id of [11n, 12n]) push(peer, id);
  await same(() => client.conversations.get({ account: "bob" })?.activityId, 12n, "both have come");
  asked[2]?.respond(HistoryRespSchema, { messages: page(7n, 8n, 9n, 11n) });
  await after;
  expect([idsOf(timeline), timeline.hasAfter]).toEqual([[4n, 5n, 6n, 7n, 8n, 9n, 11n, 12n], false]);
});

test("a timeline without its end is read again where it is", async () => {
  const peer = peerWithFeature((request) => request.respond(ConversationListRespSchema, listed(30n, 0)));
  const all = Array.from({ length: 30 }, (_, at) => BigInt(at + 1));
  let text = "before";
  peer.on(Command.History, (request) => {
    const { before, limit } = request.body(HistoryReqSchema);
    const older = all.filter((id) => before === 0n || id < before);
    const messages = older.slice(-limit).map((messageId) => ({ messageId, body: text }));
    request.respond(HistoryRespSchema, { messages, hasBefore: older.length > limit, hasAfter: before > 0n });
  });
  const client = await connect(peer);
  const timeline = await client.conversation({ account: "bob" }).timeline({ limit: 5 });
  await timeline.loadBefore();
  await timeline.loadBefore();
  timeline.keep(21n, 21n);
  const shown = all.slice(20, 25);
  expect(idsOf(timeline)).toEqual(shown);
  text = "after";
  resetLog(peer);
  await same(
    () => timeline.messages.map(({ body }) => body),
    shown.map(() => "after"),
    "it was read again",
  );
  expect([idsOf(timeline), timeline.hasBefore, timeline.hasAfter]).toEqual([shown, true, true]);
});

test("a timeline that is read again has all that a view keeps of it", async () => {
  const peer = peerWithFeature((request) => request.respond(ConversationListRespSchema, listed(4_000n, 0)));
  const all = Array.from({ length: 4_000 }, (_, at) => BigInt(at + 1));
  let text = "before";
  peer.on(Command.History, (request) => {
    const { before, limit } = request.body(HistoryReqSchema);
    const older = all.slice(0, before === 0n ? all.length : Number(before) - 1);
    const messages = older.slice(-limit).map((messageId) => ({ messageId, body: text }));
    request.respond(HistoryRespSchema, { messages, hasBefore: older.length > limit });
  });
  const client = await connect(peer);
  const timeline = await client.conversation({ account: "bob" }).timeline({ limit: 200 });
  // 16 pages, as the web chat keeps.
  for (let pages = 1; pages < 16; pages++) await timeline.loadBefore();
  const shown = all.slice(-16 * 200);
  expect(idsOf(timeline)).toEqual(shown);
  text = "after";
  resetLog(peer);
  await same(() => timeline.messages.at(-1)?.body, "after", "it was read again");
  expect([idsOf(timeline), timeline.hasBefore]).toEqual([shown, true]);
});

// What the page keeps of a conversation that stays open while very much is said.

import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { Community } from "../../src/sdk/community/community.ts";
import { keyOf } from "../../src/sdk/messenger/partner.ts";
import { Room } from "../../src/web/state/room.ts";
import { Command } from "../../src/wire/commands.ts";
import { ConversationListRespSchema, HistoryReqSchema, HistoryRespSchema } from "../../src/wire/gen/pkt_pb.ts";
import { until } from "../../scripts/harness/until.ts";
import { connect, listed, peerWithFeature } from "../sdk/messenger/scripted-server.ts";
import { device } from "../sdk/messenger/support.ts";
import { endAll } from "../sdk/support.ts";
import { testLimits } from "../support/limits.ts";
import { Messenger as Server } from "../support/messenger.ts";
import type { PeerRequest } from "../support/scripted-peer.ts";

/** More than four times what is kept, which is 16 pages of 200 at most. */
const messages = 14_000;
const keptMax = 16 * 200;
/** Sent before their answers are waited for. */
const inFlight = 500;
const msMax = 60_000;

let server: Server;
beforeAll(async () => {
  server = await Server.start({ limits: testLimits({ requestsPerSecond: 100_000 }) });
});
afterAll(() => server.stop());
afterEach(endAll);

test(
  "a room keeps what is near the reader, and has the rest again where the reader goes",
  async () => {
    const [{ client }, { client: bob }] = [await device(server, "ann", "one"), await device(server, "bob", "one")];
    const partner = { account: "bob" };
    const community = Community.of(client);
    const key = keyOf(partner);
    const stateOf = () => client.conversations.get(partner);
    const room = new Room({ client, community, me: "ann", stateOf }, partner, key);
    await room.load();
    const ids: bigint[] = [];
    /** The reader is at this message, as the list of messages says when it is drawn. */
    let at = 0n;
    const look = (): void => {
      if (room.isLoadingMore.peek()) return;
      room.near(at || (room.last(({ state }) => state === "stored")?.id ?? 0n));
    };
    const end = room.parts.subscribe(look);
    const talk = async (count: number): Promise<void> => {
      for (let done = 0; done < count; done += inFlight) {
        const talks = Array.from({ length: inFlight }, () => bob.talkToUser("ann", { body: "x" }));
        ids.push(...(await Promise.all(talks)).map(({ id }) => id));
      }
      ids.sort((one, other) => Number(one - other));
    };
    const shown = (): readonly bigint[] => room.parts.value.flat().map(({ id }) => id);
    const last = () => ids.at(-1) ?? 0n;
    const isPart = (): void => {
      const from = ids.indexOf(shown()[0] ?? 0n);
      expect(shown()).toEqual(ids.slice(from, from + shown().length));
      expect(shown().length).toBeLessThanOrEqual(keptMax);
    };

    // At the end.
    await talk(messages / 2);
    await until(() => shown().includes(last()), "the last one is shown", msMax);
    isPart();
    expect([room.hasBefore.value, room.hasAfter.value]).toEqual([true, false]);

    // Far above it, at a message that was forgotten.
    const wanted = ids[100] ?? 0n;
    expect(shown()).not.toContain(wanted);
    expect((await room.reach(wanted))?.id).toBe(wanted);
    at = wanted;
    look();
    await until(() => room.hasAfter.value, "the end was forgotten", msMax);
    await talk(messages / 2);
    await until(() => stateOf()?.activityId === last(), "all has come", msMax);
    isPart();
    expect(shown()).toContain(wanted);
    expect(shown()).not.toContain(last());

    // A newer one, and the end at once.
    const newer = ids[3_000] ?? 0n;
    expect((await room.reach(newer))?.id).toBe(newer);
    at = newer;
    look();
    await until(() => shown().length <= keptMax, "the others were forgotten", msMax);
    isPart();
    await room.toEnd();
    expect([shown().at(-1), room.hasAfter.value]).toEqual([last(), false]);
    at = 0n;
    await talk(inFlight);
    await until(() => shown().includes(last()), "it follows the conversation", msMax);
    isPart();
    expect(room.fault.value).toBe("");
    end();
    room.close();
  },
  2 * msMax,
);

test("what is still on its way when a room has gone to the end does not bring back what was there before", async () => {
  // A page is one message.
  const newest = 40n;
  const peer = peerWithFeature((request) => request.respond(ConversationListRespSchema, listed(newest, 0)));
  const held: PeerRequest[] = [];
  const answer = (request: PeerRequest): void => {
    const { before, after } = request.body(HistoryReqSchema);
    const messageId = after > 0n ? after + 1n : before > 0n ? before - 1n : newest;
    const page = [{ messageId, body: "x" }];
    request.respond(HistoryRespSchema, { messages: page, hasBefore: messageId > 1n, hasAfter: messageId < newest });
  };
  let isHeld: (request: PeerRequest) => boolean = () => false;
  peer.on(Command.History, (request) => (isHeld(request) ? void held.push(request) : answer(request)));
  const client = await connect(peer);
  await client.conversations.ready();
  const partner = { account: "bob" };
  const stateOf = () => client.conversations.get(partner);
  const room = new Room({ client, community: Community.of(client), me: "alice", stateOf }, partner, keyOf(partner));
  await room.load();
  for (let pages = 0; pages < 20; pages++) await room.loadMore(false);
  const shown = (): readonly bigint[] => room.parts.value.flat().map(({ id }) => id);
  expect(shown().length).toBe(21);
  room.near(22n);
  await until(() => room.hasAfter.value, "the end was forgotten");
  isHeld = (request) => request.body(HistoryReqSchema).before + request.body(HistoryReqSchema).after > 0n;
  const ways = [room.loadMore(true), room.loadMore(false)];
  await until(() => held.length > 0, "a page is asked for");
  await room.toEnd();
  expect([shown(), room.hasAfter.value]).toEqual([[newest], false]);
  isHeld = () => false;
  held.forEach(answer);
  await Promise.all(ways);
  expect([shown(), room.hasAfter.value, room.isLoadingMore.value]).toEqual([[newest], false, false]);
  room.close();
});

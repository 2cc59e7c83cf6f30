// A messenger and a server that does what the test says: a server without the feature, and answers that cross pushes.

import { afterEach, expect, test } from "bun:test";
import { Command } from "../../../src/wire/commands.ts";
import {
  ConversationListRespSchema,
  EntryKind,
  EventPushSchema,
  HistoryReqSchema,
  HistoryRespSchema,
  MessageIndexReqSchema,
  MessageIndexRespSchema,
  MessagePushSchema,
  ReadNotifySchema,
} from "../../../src/wire/gen/pkt_pb.ts";
import type { PeerRequest } from "../../support/scripted-peer.ts";
import { endAll, peerOn } from "../support.ts";
import { connect, listed, peerWithFeature, push } from "./scripted-server.ts";
import { same } from "./support.ts";

afterEach(endAll);

test("a server that does not offer conversations is refused with a sentence", async () => {
  const peer = peerOn("ws");
  await expect(connect(peer)).rejects.toThrow("does not offer conversations");
});

test("a message that crosses the list is counted once, whether the list has it or not", async () => {
  const requests: PeerRequest[] = [];
  const peer = peerWithFeature((request) => void requests.push(request));
  const client = await connect(peer);
  await same(() => requests.length, 1, "the list is asked for");
  // The list has 11, and not 12.
  for (const id of [11n, 12n]) push(peer, id);
  await Bun.sleep(20);
  requests[0]?.respond(ConversationListRespSchema, listed(11n, 6));
  const state = () => {
    const { unread, activityId, lastMessage } = client.conversations.get({ account: "bob" }) ?? {};
    return [unread, activityId, lastMessage?.body];
  };
  await same(state, [7, 12n, "body 12"], "both are counted once");
  // Pushes of several servers cross.
  for (const id of [14n, 13n]) push(peer, id);
  await same(state, [9, 14n, "body 14"], "those that cross");
});

test("a cursor that crosses the list is not lost", async () => {
  const requests: PeerRequest[] = [];
  const peer = peerWithFeature((request) => void requests.push(request));
  const client = await connect(peer);
  await same(() => requests.length, 1, "the list is asked for");
  const read = { reader: "alice", account: "bob", messageId: 11n };
  peer.latest.push(Command.ConversationRead, "", ReadNotifySchema, read);
  await Bun.sleep(20);
  requests[0]?.respond(ConversationListRespSchema, listed(11n, 6));
  await same(() => client.conversations.get({ account: "bob" })?.unread, 0, "read");
});

test("a reset lists anew and goes on from there; a sign-in without the feature keeps the list", async () => {
  let lists = 0;
  const peer = peerWithFeature((request) => {
    lists++;
    request.respond(ConversationListRespSchema, listed(11n, lists));
  });
  const client = await connect(peer);
  await same(() => client.conversations.get({ account: "bob" })?.unread, 1, "the list");
  let resets = 0;
  peer.on(Command.OfflineIndex, (request) => {
    const { messageId } = request.body(MessageIndexReqSchema);
    peer.indexAsked.push(messageId);
    const reset = messageId === 10n && resets++ === 0;
    request.respond(MessageIndexRespSchema, { lastId: 20_000n, reset });
  });
  peer.latest.push(Command.Sync, "", MessagePushSchema, {});
  await same(() => peer.indexAsked.at(-1), 20_000n, "it goes on");
  await same(() => (client.conversations.get({ account: "bob" })?.unread ?? 0) > 1, true, "the list is read anew");
  const signIn = peer.scriptOf(Command.SignIn);
  peer.on(Command.SignIn, (request) => peer.signIn(request));
  peer.latest.end();
  await same(() => [peer.tokens.length, client.isOnline], [1, true], "another server");
  expect([client.conversations.isReady, client.conversations.items.length]).toEqual([false, 1]);
  await expect(client.conversation({ account: "bob" }).pin()).rejects.toThrow("does not offer conversations");
  peer.on(Command.SignIn, signIn);
  peer.latest.end();
  await same(() => client.conversations.isReady, true, "the feature is back");
});

test("a page of a timeline that crosses a message, an edit and a recall shows what is so by then", async () => {
  const peer = peerWithFeature((request) => request.respond(ConversationListRespSchema, listed(9n, 0)));
  const pages: PeerRequest[] = [];
  peer.on(Command.History, (request) => {
    const { messageIds } = request.body(HistoryReqSchema);
    if (messageIds.length === 0) pages.push(request);
    else {
      const now = { 8: { body: "edited", edited: true }, 9: { body: "", recalled: true } };
      const messages = Object.entries(now).map(([id, message]) => ({
        messageId: BigInt(id),
        account: "bob",
        ...message,
      }));
      request.respond(HistoryRespSchema, {
        messages: messages.filter(({ messageId }) => messageIds.includes(messageId)),
      });
    }
  });
  const client = await connect(peer);
  await client.conversations.ready();
  const opening = client.conversation({ account: "bob" }).timeline();
  await same(() => pages.length, 1, "the page is asked for");
  push(peer, 11n);
  for (const [entryId, kind, refersTo] of [
    [12n, EntryKind.EntryEdited, 8n],
    [13n, EntryKind.EntryRecalled, 9n],
  ] as const)
    peer.latest.push(Command.Event, "", EventPushSchema, { entryId, kind, refersTo, actor: "bob", account: "alice" });
  await Bun.sleep(20);
  const old = [7n, 8n, 9n].map((messageId) => ({ messageId, body: "as it was" }));
  pages[0]?.respond(HistoryRespSchema, { messages: old });
  const timeline = await opening;
  const bodies = () => timeline.messages.map(({ id, body }) => [id, body]);
  expect(bodies()[2]).toEqual([9n, ""]);
  await same(
    bodies,
    [
      [7n, "as it was"],
      [8n, "edited"],
      [9n, ""],
      [11n, "body 11"],
    ],
    "the timeline",
  );
});

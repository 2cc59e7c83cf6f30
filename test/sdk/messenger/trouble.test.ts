// A messenger and a server that is late, overloaded, refuses, or answers in another order than it was asked.

import { afterEach, expect, test } from "bun:test";
import { openFileOutbox } from "../../../src/sdk/messenger/file-outbox.ts";
import type { Messenger } from "../../../src/sdk/messenger/messenger.ts";
import { openMemoryOutbox } from "./memory-outbox-storage.ts";
import { Command } from "../../../src/wire/commands.ts";
import {
  AccountStateChangeSchema,
  AccountStateReqSchema,
  AccountStateRespSchema,
  ConversationListReqSchema,
  ConversationListRespSchema,
  ConversationReadReqSchema,
  EntryKind,
  EventPushSchema,
  HistoryReqSchema,
  HistoryRespSchema,
  MessagePushSchema,
  MessageRespSchema,
  Status,
} from "../../../src/wire/gen/pkt_pb.ts";
import { until } from "../../../scripts/harness/until.ts";
import type { PeerRequest, ScriptedPeer } from "../../support/scripted-peer.ts";
import { temporaryPaths } from "../../support/temporary-folder.ts";
import { endAll } from "../support.ts";
import { connect, listed, peerWithFeature, push, reset, resetLog } from "./scripted-server.ts";
import { same } from "./support.ts";

afterEach(endAll);

const bob = { account: "bob" };
const freshPath = temporaryPaths("trouble-");
const listsBob = (request: PeerRequest): void => request.respond(ConversationListRespSchema, listed(9n, 3));

/** Time limits of 5 s pass at once; the others stay what they are. */
function hurried(delayMs: number, action: () => void): () => void {
  const timer = setTimeout(action, delayMs === 5_000 ? 50 : delayMs);
  return () => clearTimeout(timer);
}

/** Has the requests of a command wait; returns them in their order. */
function held(peer: ScriptedPeer, command: string): PeerRequest[] {
  const requests: PeerRequest[] = [];
  peer.on(command, (request) => void requests.push(request));
  return requests;
}

test("a list that was not answered in time is asked for again", async () => {
  let lists = 0;
  const peer = peerWithFeature((request) => {
    if (++lists > 1) listsBob(request);
  });
  const client = await connect(peer, { requestTimeoutMs: 700 });
  await client.conversations.ready();
  expect(client.conversations.get(bob)?.unread).toBe(3);
});

test("a list that was refused because the session is lost is there after the next sign-in", async () => {
  let lists = 0;
  const peer = peerWithFeature((request) => {
    if (++lists === 1) request.refuse(Status.SessionNotFound, "sign in again");
    else request.respond(ConversationListRespSchema, { ...listed(9n, 3), hasMore: lists === 2 });
  });
  const client = await connect(peer);
  await same(() => client.conversations.isReady, true, "the second sign-in");
  await client.conversations.ready();
  await client.conversations.loadMore();
  expect(client.conversations.hasMore).toBe(false);
});

test("a list that was refused for good rejects, until another one is read", async () => {
  let lists = 0;
  const peer = peerWithFeature((request) => {
    if (++lists === 1) request.refuse(Status.Forbidden, "not today");
    else listsBob(request);
  });
  const client = await connect(peer);
  await expect(client.conversations.ready()).rejects.toThrow("not today");
  push(peer, 12n);
  await same(() => client.conversations.isReady, true, "the next reading");
  await client.conversations.ready();
});

test("more of the list is asked for once, however often at once", async () => {
  const asked: bigint[] = [];
  const peer = peerWithFeature((request) => {
    const { before, limit } = request.body(ConversationListReqSchema);
    asked.push(before);
    const from = before === 0n ? 200n : before;
    const conversations = Array.from({ length: limit }, (_, at) => ({
      ...{ account: `friend ${from - BigInt(at)}`, activityId: from - BigInt(at) - 1n },
    }));
    request.respond(ConversationListRespSchema, { conversations, hasMore: true });
  });
  const client = await connect(peer);
  await client.conversations.ready();
  await Bun.sleep(20);
  await Promise.all([client.conversations.loadMore(), client.conversations.loadMore()]);
  expect([new Set(asked).size, client.conversations.items.length]).toEqual([asked.length, 250]);
});

test("what is marked as read while the server is overloaded is sent again", async () => {
  const peer = peerWithFeature(listsBob);
  const marked: bigint[] = [];
  peer.on(Command.ConversationRead, (request) => {
    marked.push(request.body(ConversationReadReqSchema).messageId);
    if (marked.length === 1) request.refuse(Status.ServiceUnavailable, "too much to do");
    else request.succeed();
  });
  const client = await connect(peer);
  await client.conversations.ready();
  await client.conversation(bob).markRead(9n);
  await same(() => marked, [9n, 9n], "the second try");
});

test("settings whose answers cross are those of the later version", async () => {
  const peer = peerWithFeature(listsBob);
  const client = await connect(peer);
  await client.conversations.ready();
  const settings = held(peer, Command.ConversationSet);
  const work = [client.conversation(bob).mute(), client.conversation(bob).mute(false)];
  await same(() => settings.length, 2, "both are asked for");
  settings[1]?.respond(AccountStateChangeSchema, { version: 22n });
  await work[1];
  settings[0]?.respond(AccountStateChangeSchema, { version: 21n });
  await work[0];
  expect(client.conversation(bob).state?.isMuted).toBe(false);
  // Of another device, before it.
  const conversations = [{ account: "bob", muted: true, version: 20n }];
  peer.latest.push(Command.AccountChanged, "", AccountStateRespSchema, { version: 20n, conversations });
  await Bun.sleep(20);
  expect(client.conversation(bob).state?.isMuted).toBe(false);
});

test("a conversation that is hidden stays so when a message from before comes late", async () => {
  const peer = peerWithFeature(listsBob);
  peer.on(Command.ConversationSet, (request) => request.respond(AccountStateChangeSchema, { version: 20n }));
  const client = await connect(peer);
  await client.conversations.ready();
  await client.conversation(bob).hide();
  push(peer, 19n);
  await Bun.sleep(50);
  expect(client.conversations.items).toEqual([]);
  push(peer, 21n);
  await same(() => client.conversations.items.length, 1, "a newer message");
});

/** Three messages of bob's, 7 to 9. */
function withHistory(peer: ScriptedPeer): void {
  const messages = [7n, 8n, 9n].map((messageId) => ({ messageId, body: `body ${messageId}`, account: "bob" }));
  peer.on(Command.History, (request) => {
    const { messageIds, before } = request.body(HistoryReqSchema);
    const asked = ({ messageId }: (typeof messages)[0]): boolean =>
      messageIds.length > 0 ? messageIds.includes(messageId) : before === 0n || messageId < before;
    request.respond(HistoryRespSchema, { messages: messages.filter(asked) });
  });
}
const idsOf = ({ messages }: { readonly messages: readonly { readonly id: bigint }[] }) => messages.map(({ id }) => id);

async function withTimeline(peer: ScriptedPeer) {
  const client = await connect(peer);
  await client.conversations.ready();
  const timeline = await client.conversation(bob).timeline();
  expect(idsOf(timeline)).toEqual([7n, 8n, 9n]);
  return { client, timeline, to: client.conversation(bob) };
}

test("hidden messages and cleared conversations vanish at once, and are back if that is refused", async () => {
  const peer = peerWithFeature(listsBob);
  withHistory(peer);
  const { client, timeline, to } = await withTimeline(peer);
  const hidings = held(peer, Command.MessageHide);
  const clearings = held(peer, Command.ConversationClear);
  const hiding = client.hideMessages([9n]);
  expect([idsOf(timeline), to.state?.lastMessage]).toEqual([[7n, 8n], undefined]);
  const clearing = to.clear(8n);
  expect(idsOf(timeline)).toEqual([]);
  await same(() => hidings.length + clearings.length, 2, "both are asked for");
  hidings[0]?.refuse(Status.Forbidden, "no");
  await expect(hiding).rejects.toThrow("no");
  expect([idsOf(timeline), to.state?.lastMessage?.id]).toEqual([[9n], 9n]);
  clearings[0]?.refuse(Status.Forbidden, "no");
  await expect(clearing).rejects.toThrow("no");
  expect(idsOf(timeline)).toEqual([7n, 8n, 9n]);
  const all = to.clear(9n);
  expect([idsOf(timeline), client.conversations.items]).toEqual([[], []]);
  await same(() => clearings.length, 2, "it is asked for");
  peer.on(Command.ConversationList, (request) => request.respond(ConversationListRespSchema, {}));
  clearings[1]?.respond(AccountStateChangeSchema, { version: 20n });
  await all;
  expect([idsOf(timeline), client.conversations.items]).toEqual([[], []]);
  await until(() => to.state === undefined, "the list is read again");
});

test("what another device has hidden or cleared is not shown when the message comes after that", async () => {
  const peer = peerWithFeature(listsBob);
  withHistory(peer);
  const { client, timeline, to } = await withTimeline(peer);
  const conversations = [{ account: "cat", clearedTo: 13n, version: 14n }];
  peer.latest.push(Command.AccountChanged, "", AccountStateRespSchema, { hiddenMessages: [11n], conversations });
  const late = await client.conversation({ account: "cat" }).timeline();
  for (const id of [11n, 12n]) push(peer, id);
  peer.latest.message("alice", 13n, 12n, "cat");
  await same(() => idsOf(timeline), [7n, 8n, 9n, 12n], "the one that is not hidden");
  await Bun.sleep(20);
  expect([idsOf(late).includes(13n), to.state?.unread]).toEqual([false, 4]);
});

test("a server that cannot tell the own state lists conversations nevertheless", async () => {
  const peer = peerWithFeature(listsBob);
  peer.on(Command.AccountState, (request) => request.refuse(Status.NotImplemented, "not in this release"));
  const client = await connect(peer, { environment: { after: hurried } });
  await client.conversations.ready();
  expect(client.conversations.items).toHaveLength(1);
});

test("the own state is read to its end, also from a server that a backup was restored on", async () => {
  const peer = peerWithFeature(listsBob);
  withHistory(peer);
  const { timeline } = await withTimeline(peer);
  const asked: bigint[] = [];
  peer.on(Command.AccountState, (request) => {
    const { sinceVersion } = request.body(AccountStateReqSchema);
    asked.push(sinceVersion);
    // It has no 10 any more, begins anew, and hides 8 on its second page.
    const answer = sinceVersion === 4n ? { version: 5n, hiddenMessages: [8n] } : { version: 4n, hasMore: true };
    request.respond(AccountStateRespSchema, answer);
  });
  peer.latest.push(Command.Sync, "", MessagePushSchema, {});
  await same(() => asked, [10n, 4n], "both pages");
  await same(() => idsOf(timeline), [7n, 9n], "without the hidden one");
});

test("clearing what is older than what is loaded leaves what is between", async () => {
  const peer = peerWithFeature(listsBob);
  peer.on(Command.History, (request) => {
    const { before } = request.body(HistoryReqSchema);
    const ids = before === 0n ? [8n, 9n] : [6n, 7n];
    request.respond(HistoryRespSchema, { messages: ids.map((messageId) => ({ messageId })), hasBefore: before === 0n });
  });
  peer.on(Command.ConversationClear, (request) => request.respond(AccountStateChangeSchema, { version: 20n }));
  const client = await connect(peer);
  const timeline = await client.conversation(bob).timeline({ limit: 2 });
  await client.conversation(bob).clear(5n);
  expect(timeline.hasBefore).toBe(true);
  await timeline.loadBefore();
  expect(idsOf(timeline)).toEqual([6n, 7n, 8n, 9n]);
});

test("a message that failed is shown as sending again when it is tried again", async () => {
  const peer = peerWithFeature(listsBob);
  withHistory(peer);
  peer.on(Command.UserTalk, (request) => request.refuse(Status.Forbidden, "no"));
  const { client, timeline, to } = await withTimeline(peer);
  const { clientId } = to.send({ body: "hello" });
  await same(() => timeline.messages.at(-1)?.state, "failed", "it is refused");
  held(peer, Command.UserTalk);
  client.retry(clientId);
  expect(timeline.messages.at(-1)?.state).toBe("sending");
});

test("a storage that does not answer costs no message, and closing does not wait for it", async () => {
  const peer = peerWithFeature(listsBob);
  const sent: PeerRequest[] = [];
  peer.on(Command.UserTalk, (request) => {
    sent.push(request);
    request.respond(MessageRespSchema, { messageId: 30n });
  });
  const never = (): Promise<never> => new Promise(() => undefined);
  const errors: string[] = [];
  const client = await connect(peer, {
    outbox: () => ({ ...openMemoryOutbox(), put: never, remove: never, close: never }),
    on: { outboxFailed: ({ error }) => void errors.push(error.message) },
    environment: { after: hurried },
  });
  for (const body of ["one", "two"]) client.conversation(bob).send({ body });
  await same(() => [sent.length, client.pending().length], [2, 0], "both are sent");
  expect(errors).toEqual(["the outbox does not answer"]);
  await client.close();
});

test("an outbox in a file is free again when its client was aborted", async () => {
  const peer = peerWithFeature(listsBob);
  const path = freshPath();
  const stop = new AbortController();
  await connect(peer, { outbox: openFileOutbox(path), signal: stop.signal });
  stop.abort();
  let next: Messenger | undefined;
  await until(async () => {
    next = await connect(peer, { outbox: openFileOutbox(path) });
    return true;
  }, "the file is free");
  expect(next?.isOnline).toBe(true);
});

test("a timeline is read again after a reset, or a time without the feature, whatever breaks meanwhile", async () => {
  const peer = peerWithFeature(listsBob);
  const messages = [{ messageId: 9n, body: "one" }];
  peer.on(Command.History, (request) => request.respond(HistoryRespSchema, { messages }));
  // Connections that end soon after one another are followed by longer and longer pauses.
  const client = await connect(peer, { environment: { random: () => 0.01 } });
  const timeline = await client.conversation(bob).timeline();
  const bodies = () => timeline.messages.map(({ body }) => body);
  const states = held(peer, Command.AccountState);
  peer.on(Command.OfflineIndex, (request) => {
    reset(request);
    if (states.length === 1) setTimeout(() => peer.latest.end(), 20);
  });
  messages.push({ messageId: 10n, body: "two" });
  // The state is never answered here: the connection breaks before the timeline could be read.
  peer.latest.end();
  await until(() => states.length === 2, "the sign-in after the one that broke");
  peer.on(Command.AccountState, (request) => request.respond(AccountStateRespSchema, { version: 20_000n }));
  states[1]?.respond(AccountStateRespSchema, { version: 20_000n });
  await same(bodies, ["one", "two"], "what the reset went over");
  const signIn = peer.scriptOf(Command.SignIn);
  peer.on(Command.SignIn, (request) => peer.signIn(request));
  peer.latest.end();
  await until(() => peer.tokens.length === 1 && client.isOnline, "a sign-in without the feature");
  messages.splice(0, 1, { messageId: 9n, body: "edited" });
  peer.on(Command.SignIn, signIn);
  peer.latest.end();
  await same(bodies, ["edited", "two"], "what happened without it");
});

test("an open timeline keeps what it shows over a reset", async () => {
  const peer = peerWithFeature(listsBob);
  const all = Array.from({ length: 30 }, (_, at) => BigInt(at + 1));
  const shown = { hidden: 0n };
  peer.on(Command.History, (request) => {
    const { before, limit } = request.body(HistoryReqSchema);
    const older = all.filter((id) => id !== shown.hidden && (before === 0n || id < before));
    const messages = older.slice(-limit).map((messageId) => ({ messageId, body: `now ${all.length}` }));
    request.respond(HistoryRespSchema, { messages, hasBefore: older.length > limit });
  });
  const client = await connect(peer);
  const timeline = await client.conversation(bob).timeline({ limit: 5 });
  await timeline.loadBefore();
  expect(idsOf(timeline)).toEqual(all.slice(-10));
  for (let id = 31n; id <= 50n; id++) all.push(id);
  shown.hidden = 25n;
  resetLog(peer);
  await same(
    () => idsOf(timeline),
    all.slice(20).filter((id) => id !== 25n),
    "what was shown, and what came",
  );
  expect([timeline.hasBefore, timeline.messages[0]?.body]).toEqual([true, "now 50"]);
});

test("a message that comes after its own recall, by another chat node, is shown as recalled", async () => {
  const peer = peerWithFeature(listsBob);
  peer.on(Command.History, (request) => {
    const isById = request.body(HistoryReqSchema).messageIds.length > 0;
    const messages = [{ messageId: 12n, sender: "bob", sendTime: 12n, type: 1, recalled: true, account: "bob" }];
    request.respond(HistoryRespSchema, { messages: isById ? messages : [] });
  });
  const client = await connect(peer);
  await client.conversations.ready();
  const timeline = await client.conversation(bob).timeline();
  peer.latest.push(Command.Event, "", EventPushSchema, {
    ...{ entryId: 13n, kind: EntryKind.EntryRecalled, refersTo: 12n, actor: "bob", time: 13n, account: "bob" },
  });
  await Bun.sleep(20);
  push(peer, 12n);
  await same(
    () => timeline.messages.map(({ id, isRecalled, body }) => [id, isRecalled, body]),
    [[12n, true, ""]],
    "it",
  );
  expect(client.conversation(bob).state?.lastMessage?.isRecalled).toBe(true);
});

// roost restore of a backup with conversations: everything is as it was at the moment of the backup, and what devices
// know of the time that was lost harms nothing.

import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Command } from "../../src/wire/commands.ts";
import {
  AccountStateReqSchema,
  AccountStateRespSchema,
  ConversationListReqSchema,
  ConversationListRespSchema,
  ConversationReadReqSchema,
  ConversationSetReqSchema,
  HistoryReqSchema,
  HistoryRespSchema,
  LoginReqSchema,
  MessageEditReqSchema,
  MessageHideReqSchema,
  MessageIndexReqSchema,
  MessageIndexRespSchema,
  MessageReactReqSchema,
  MessageRecallReqSchema,
} from "../../src/wire/gen/pkt_pb.ts";
import { run, type ServerProcess } from "../../scripts/harness/server-process.ts";
import { unpackSqlite } from "../store/kept/kept-stores.ts";
import { asked, succeeded, talk } from "../support/commands.ts";
import { WireClient } from "../support/wire-client.ts";
import { folder, start, useFolder } from "./backup-support.ts";

useFolder();

async function person(server: ServerProcess, account: string): Promise<WireClient> {
  const { out } = await run(["token", "--account", account], folder);
  const client = await WireClient.connect(server.tcp.replace("tcp://", ""));
  const init = { token: out.trim(), device: "phone", features: ["conversations"] };
  succeeded(await client.request(Command.SignIn, "", LoginReqSchema, init));
  return client;
}

/** What bob sees of the conversation with ann. */
async function seenBy(bob: WireClient): Promise<unknown> {
  const { messages } = await asked(bob, Command.History, HistoryReqSchema, { account: "ann" }, HistoryRespSchema);
  const list = await asked(bob, Command.ConversationList, ConversationListReqSchema, {}, ConversationListRespSchema);
  return {
    messages: messages.map(({ body, edited, recalled, reactions }) => ({
      body,
      edited,
      recalled,
      reactions: reactions.map(({ reaction, count, mine }) => [reaction, count, mine]),
    })),
    list: list.conversations.map(({ account, unread, readId, pinned, muted }) => ({
      account,
      unread,
      readId,
      pinned,
      muted,
    })),
  };
}

test("conversations are as they were at the backup, and cursors of the time that was lost harm nothing", async () => {
  const server = await start();
  const [ann, bob] = [await person(server, "ann"), await person(server, "bob")];
  const ids: bigint[] = [];
  for (const body of ["one", "two", "three", "four", "five"]) ids.push((await talk(ann, "bob", body)).messageId);
  const [one = 0n, two = 0n, three = 0n, four = 0n, five = 0n] = ids;
  succeeded(await ann.request(Command.MessageEdit, "", MessageEditReqSchema, { messageId: one, body: "edited" }));
  succeeded(await ann.request(Command.MessageRecall, "", MessageRecallReqSchema, { messageId: two }));
  succeeded(await bob.request(Command.MessageReact, "", MessageReactReqSchema, { messageId: three, reaction: "👍" }));
  succeeded(await bob.request(Command.MessageHide, "", MessageHideReqSchema, { messageIds: [five] }));
  succeeded(await bob.request(Command.ConversationSet, "", ConversationSetReqSchema, { account: "ann", pinned: true }));
  const read = { account: "ann", messageId: three };
  succeeded(await bob.request(Command.ConversationRead, "", ConversationReadReqSchema, read));
  const before = await seenBy(bob);
  expect(before).toEqual({
    messages: [
      { body: "edited", edited: true, recalled: false, reactions: [] },
      { body: "", edited: false, recalled: true, reactions: [] },
      { body: "three", edited: false, recalled: false, reactions: [["👍", 1, true]] },
      { body: "four", edited: false, recalled: false, reactions: [] },
    ],
    list: [{ account: "ann", unread: 1, readId: three, pinned: true, muted: false }],
  });
  expect((await run(["backup", "kept.db"], folder)).status).toBe(0);

  // All of this is lost.
  succeeded(await ann.request(Command.MessageEdit, "", MessageEditReqSchema, { messageId: three, body: "later" }));
  succeeded(await ann.request(Command.MessageRecall, "", MessageRecallReqSchema, { messageId: one }));
  succeeded(await bob.request(Command.MessageReact, "", MessageReactReqSchema, { messageId: four, reaction: "👎" }));
  succeeded(await bob.request(Command.ConversationSet, "", ConversationSetReqSchema, { account: "ann", muted: true }));
  const later = { account: "ann", messageId: four };
  succeeded(await bob.request(Command.ConversationRead, "", ConversationReadReqSchema, later));
  const stateOf = (client: WireClient, sinceVersion: bigint) =>
    asked(client, Command.AccountState, AccountStateReqSchema, { sinceVersion }, AccountStateRespSchema);
  const { version: lostVersion } = await stateOf(bob, 0n);
  const { messageId: lostId } = await talk(ann, "bob", "lost");
  for (const client of [ann, bob]) client.terminate();
  await server.end("SIGKILL");
  const restored = await run(["restore", "kept.db", "--replace"], folder);
  expect([restored.status, restored.err]).toEqual([0, expect.stringContaining("restored 5 messages")]);

  const again = await start();
  const [annAgain, bobAgain] = [await person(again, "ann"), await person(again, "bob")];
  expect(await seenBy(bobAgain)).toEqual(before);
  // A cursor and a version of the time that was lost.
  const state = await stateOf(bobAgain, lostVersion);
  expect(state.conversations).toMatchObject([{ account: "ann", pinned: true, muted: false }]);
  expect(state.hiddenMessages).toEqual([five]);
  expect(state.version).toBeLessThan(lostVersion);
  const index = { messageId: lostId, includeEvents: true };
  const entries = await asked(bobAgain, Command.OfflineIndex, MessageIndexReqSchema, index, MessageIndexRespSchema);
  expect([entries.indexes, entries.reset, entries.lastId < lostId]).toEqual([[], true, true]);
  // It goes on: what is done now is seen.
  succeeded(await annAgain.request(Command.MessageRecall, "", MessageRecallReqSchema, { messageId: one }));
  succeeded(await bobAgain.request(Command.ConversationRead, "", ConversationReadReqSchema, later));
  expect(await seenBy(bobAgain)).toMatchObject({
    messages: [{ body: "", recalled: true }, {}, {}, {}],
    list: [{ unread: 0, readId: four }],
  });
  for (const client of [annAgain, bobAgain]) client.terminate();
  expect(await again.end("SIGTERM")).toBe(0);
  const checked = await run(["check"], folder);
  expect([checked.status, checked.out]).toEqual([0, expect.stringContaining("read cursors: fine")]);
}, 120_000);

test("a backup of a former release is restored, and has conversations from the next start on", async () => {
  const former = join(folder, "former");
  mkdirSync(former);
  unpackSqlite(former);
  const restored = await run(["restore", join(former, "messages.db")], folder);
  expect([restored.status, restored.err]).toEqual([0, expect.stringContaining("restored")]);
  const server = await start();
  const { out } = await run(["token", "--account", "bob", "--app", "shop"], folder);
  const bob = await WireClient.connect(server.tcp.replace("tcp://", ""));
  const init = { token: out.trim(), device: "phone", features: ["conversations"] };
  succeeded(await bob.request(Command.SignIn, "", LoginReqSchema, init));
  const list = await asked(bob, Command.ConversationList, ConversationListReqSchema, {}, ConversationListRespSchema);
  expect(list.conversations.length).toBeGreaterThan(0);
  for (const { account, group, lastMessage } of list.conversations) {
    const name = group === "" ? { account } : { group };
    const { messages } = await asked(bob, Command.History, HistoryReqSchema, name, HistoryRespSchema);
    expect(messages.at(-1)?.messageId).toBe(lastMessage?.messageId);
    const messageId = messages.at(-1)?.messageId ?? 0n;
    if (messageId === 0n) continue;
    succeeded(await bob.request(Command.ConversationRead, "", ConversationReadReqSchema, { ...name, messageId }));
  }
  bob.terminate();
  expect(await server.end("SIGTERM")).toBe(0);
  expect((await run(["check"], folder)).status).toBe(0);
}, 60_000);

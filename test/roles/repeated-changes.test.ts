// Changes that another node committed before it died, and that a client repeats here: those concerned, whom nobody has
// told, are told or sent chat.sync. What this node has told is not told again.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { create, type DescMessage, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { silentLog } from "../../src/base/log.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";
import { Command } from "../../src/wire/commands.ts";
import {
  AccountStateRespSchema,
  ConversationReadReqSchema,
  ConversationSetReqSchema,
  EntryRespSchema,
  EventPushSchema,
  LoginReqSchema,
  MessageEditReqSchema,
  MessageHideReqSchema,
  MessageReactReqSchema,
  MessageRecallReqSchema,
  ReadNotifySchema,
} from "../../src/wire/gen/pkt_pb.ts";
import { createGroup, groupTalk, succeeded, talk } from "../support/commands.ts";
import { Messenger } from "../support/messenger.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";
import type { WireClient } from "../support/wire-client.ts";

const storePath = temporaryPaths("repeated-changes-")();
const hourMs = 3_600_000;
let messenger: Messenger;
/** The store as another node has it. */
let elsewhere: Store;
beforeAll(async () => {
  messenger = await Messenger.start({ storePath });
  elsewhere = await openSqliteStore({ path: storePath, retentionDays: 0, log: silentLog });
});
afterAll(async () => {
  await elsewhere.close();
  await messenger.stop();
});

/** A client that was granted the feature. */
async function newer(account: string, device = "phone"): Promise<WireClient> {
  const client = await messenger.stranger();
  const init = { token: await messenger.token(account), device, features: ["conversations"] };
  succeeded(await client.request(Command.SignIn, "", LoginReqSchema, init));
  return client;
}

async function ask<Desc extends DescMessage>(
  client: WireClient,
  command: string,
  schema: Desc,
  init: MessageInitShape<Desc>,
): Promise<Uint8Array> {
  return succeeded(await client.request(command, "", schema, create(schema, init))).body;
}

/** Waits for so many hints, which have no body. */
async function synced(client: WireClient, count: number): Promise<void> {
  await client.pushed(Command.Sync, MessageRecallReqSchema, count);
}

const syncsOf = ({ pushes }: WireClient): number =>
  pushes.filter(({ header }) => header.command === Command.Sync).length;

test("a change that another node committed is told of by chat.sync when it is repeated", async () => {
  const [ann, tablet, bob] = [await newer("ann"), await newer("ann", "tablet"), await newer("bob")] as const;
  const group = await createGroup(ann, ["bob"]);
  const direct = await talk(ann, "bob", "direct");
  const inGroup = await groupTalk(ann, group, "in the group");
  const others = [tablet, bob];
  const edit = { messageId: direct.messageId, body: "edited", clientId: "key" };
  const given = { app: "app", actor: "ann" } as const;
  await elsewhere.change({ ...given, ...edit, kind: "edit", extra: "", windowMs: hourMs });
  await ask(ann, Command.MessageEdit, MessageEditReqSchema, edit);
  for (const client of others) await synced(client, 1);
  const react = { messageId: inGroup.messageId, reaction: "r" };
  await elsewhere.change({ ...given, ...react, kind: "react", isOff: false });
  await ask(ann, Command.MessageReact, MessageReactReqSchema, react);
  for (const client of others) await synced(client, 2);
  // Who has hidden a message may recall it all the same.
  const { messageId } = inGroup;
  await elsewhere.hide({ app: "app", account: "ann", messageIds: [messageId] });
  await elsewhere.change({ ...given, messageId, kind: "recall", windowMs: hourMs });
  await ask(ann, Command.MessageRecall, MessageRecallReqSchema, { messageId });
  for (const client of others) await synced(client, 3);
}, 30_000);

test("what this node has told is not told again", async () => {
  const [cid, dan] = [await newer("cid"), await newer("dan")] as const;
  const first = await talk(cid, "dan", "first");
  const second = await talk(cid, "dan", "second");
  const entries: bigint[] = [];
  for (let times = 0; times < 3; times++) {
    const edit = { messageId: first.messageId, body: "edited", clientId: "key" };
    const answer = await ask(cid, Command.MessageEdit, MessageEditReqSchema, edit);
    entries.push(fromBinary(EntryRespSchema, answer).entryId);
  }
  expect(new Set(entries).size).toBe(1);
  const { messageId } = second;
  await elsewhere.change({ app: "app", actor: "cid", messageId, kind: "recall", windowMs: hourMs });
  for (let times = 0; times < 3; times++) await ask(cid, Command.MessageRecall, MessageRecallReqSchema, { messageId });
  await synced(dan, 1);
  // A later hint shows that there was no other one in between.
  const third = await talk(cid, "dan", "third");
  await elsewhere.change({ app: "app", actor: "cid", messageId: third.messageId, kind: "recall", windowMs: hourMs });
  await ask(cid, Command.MessageRecall, MessageRecallReqSchema, { messageId: third.messageId });
  await synced(dan, 2);
  expect(syncsOf(dan)).toBe(2);
  expect(await dan.pushed(Command.Event, EventPushSchema)).toHaveLength(1);
}, 30_000);

test("a reaction that this node has told of, and others have taken back and given again, is told again", async () => {
  const [gil, hal] = [await newer("gil"), await newer("hal")] as const;
  const { messageId } = await talk(gil, "hal", "said");
  const reaction = { messageId, reaction: "r" };
  const there = { ...reaction, app: "app", actor: "gil", kind: "react" } as const;
  const react = (off: boolean) => ask(gil, Command.MessageReact, MessageReactReqSchema, { ...reaction, off });
  await react(false);
  await elsewhere.change({ ...there, isOff: true });
  await react(true);
  await synced(hal, 1);
  await elsewhere.change({ ...there, isOff: false });
  for (let times = 0; times < 3; times++) await react(false);
  await synced(hal, 2);
  await elsewhere.change({ ...there, isOff: true });
  for (let times = 0; times < 3; times++) await react(true);
  await synced(hal, 3);
  // Of what never was, nobody is told.
  await ask(gil, Command.MessageReact, MessageReactReqSchema, { messageId, reaction: "never", off: true });
  await react(false);
  expect(await hal.pushed(Command.Event, EventPushSchema, 2)).toHaveLength(2);
  expect(syncsOf(hal)).toBe(3);
}, 30_000);

test("so are changes of an account's own state, and read cursors", async () => {
  const [eve, tablet, fay] = [await newer("eve"), await newer("eve", "tablet"), await newer("fay")] as const;
  const { messageId } = await talk(fay, "eve", "said");
  const name = { app: "app", account: "eve", toGroup: false, dest: "fay" } as const;
  const set = await elsewhere.set({ ...name, isPinned: true });
  if (set.result !== "stored") throw new Error("expected stored");
  for (let times = 0; times < 2; times++)
    await ask(eve, Command.ConversationSet, ConversationSetReqSchema, { account: "fay", pinned: true });
  expect(await tablet.pushed(Command.AccountChanged, AccountStateRespSchema)).toMatchObject([
    { conversations: [{ account: "fay", pinned: true, version: set.version }] },
  ]);
  await elsewhere.markRead({ ...name, messageId });
  for (let times = 0; times < 2; times++)
    await ask(eve, Command.ConversationRead, ConversationReadReqSchema, { account: "fay", messageId });
  for (const client of [tablet, fay])
    expect(await client.pushed(Command.ConversationRead, ReadNotifySchema)).toMatchObject([
      { reader: "eve", messageId },
    ]);
  await elsewhere.hide({ app: "app", account: "eve", messageIds: [messageId] });
  await ask(eve, Command.MessageHide, MessageHideReqSchema, { messageIds: [messageId] });
  await synced(tablet, 1);
}, 30_000);

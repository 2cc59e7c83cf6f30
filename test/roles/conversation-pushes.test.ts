// What the store confirms of changes, cursors and settings: how it is answered, and to which connections it is pushed.
import { expect, test } from "bun:test";
import { fromBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ChangeOutcome } from "../../src/store/conversations.ts";
import { entryKind } from "../../src/store/conversations.ts";
import { StoreUnavailable } from "../../src/store/store.ts";
import { Command } from "../../src/wire/commands.ts";
import {
  AccountStateRespSchema,
  AccountStateChangeSchema,
  ConversationReadReqSchema,
  ConversationSetReqSchema,
  EntryKind,
  EntryRespSchema,
  EventPushSchema,
  MessageEditReqSchema,
  MessageHideReqSchema,
  MessageReactReqSchema,
  MessageRecallReqSchema,
  ReadNotifySchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { app, chatLink, newer } from "../support/chat-link.ts";
import { sentenceOf } from "../support/wire-client.ts";
import { alice, entryOf, good, scripted, stage } from "./conversation-stage.ts";

test("refused changes are answered with their statuses and sentences, and pushed to nobody", async () => {
  const { request, answers, pushes } = stage();
  const wanted: readonly (readonly [ChangeOutcome, Status, string])[] = [
    [{ result: "notFound" }, Status.NotFound, "no such message"],
    [{ result: "forbidden" }, Status.Forbidden, "only its author may edit"],
    [{ result: "recalled" }, Status.NotFound, "was recalled"],
    [{ result: "late" }, Status.Forbidden, "edited for 1 day after"],
    [{ result: "full" }, Status.Forbidden, "20 kinds"],
  ];
  for (const [outcome, status, sentence] of wanted) {
    answers.change = outcome;
    const answer = await request(alice, Command.MessageEdit, MessageEditReqSchema, { messageId: 5n, body: "b" });
    expect([answer.status, sentenceOf(answer)]).toEqual([status, expect.stringContaining(sentence)]);
  }
  answers.change = { result: "unchanged", entryId: 4n, time: 6n };
  const answer = await request(alice, Command.MessageRecall, MessageRecallReqSchema, { messageId: 5n });
  expect(fromBinary(EntryRespSchema, answer.body)).toMatchObject({ entryId: 4n, time: 6n });
  expect(pushes()).toEqual([]);
});

test("a change of a direct message is pushed to both, but only to connections with the feature", async () => {
  const { request, answers, pushes } = stage();
  answers.change = { result: "stored", entry: entryOf(), previousEntryId: 2_500n, groupVersion: 0n };
  const answer = await request(alice, Command.MessageEdit, MessageEditReqSchema, { messageId: 2_000n, body: "b" });
  expect(fromBinary(EntryRespSchema, answer.body)).toMatchObject({ entryId: 3_000n, time: 11n });
  await Bun.sleep(1);
  const [push, ...others] = pushes();
  expect(others).toEqual([]);
  expect(push).toMatchObject({ command: Command.Event, plain: undefined });
  expect(push?.channels.toSorted()).toEqual(["a2", "b1"]);
  expect(fromBinary(EventPushSchema, push?.body ?? new Uint8Array(0))).toMatchObject({
    entryId: 3_000n,
    kind: EntryKind.EntryEdited,
    refersTo: 2_000n,
    actor: "alice",
    time: 11n,
    account: "bob",
    group: "",
    previousEntryId: 2_500n,
  });
});

test("a reaction in a group is pushed to its members with the feature, and charged by what it reaches", async () => {
  const { request, answers, pushes, limits } = stage();
  const entry = entryOf({ kind: entryKind.reacted, account: "", group: "g", reaction: "👍", isOff: true });
  answers.change = { result: "stored", entry, previousEntryId: 0n, groupVersion: 10n };
  const init = { messageId: 2_000n, reaction: "👍", off: true };
  expect((await request(alice, Command.MessageReact, MessageReactReqSchema, init)).status).toBe(Status.Success);
  await Bun.sleep(5);
  const [push, ...others] = pushes();
  expect(others).toEqual([]);
  expect(push?.channels.toSorted()).toEqual(["a2", "b1", "c1"]);
  expect(fromBinary(EventPushSchema, push?.body ?? new Uint8Array(0))).toMatchObject({
    kind: EntryKind.EntryReacted,
    group: "g",
    detail: { reaction: "👍", off: true },
  });
  const used = limits.use("fanOutAtOnce");
  expect(used).toBeLessThanOrEqual(3);
});

test("who has caused too many deliveries changes nothing any more", async () => {
  const script = scripted();
  const link = chatLink(script.store, { fanOutAtOnce: 1, fanOutPerSecond: 1 });
  link.signIn("alice", "a1", newer);
  script.answers.change = { result: "notFound" };
  const entry = entryOf({ account: "", group: "g" });
  for (const account of ["bob", "carol"])
    for (let device = 0; device < 8; device++) link.signIn(account, `${account}-${device}`, newer);
  script.answers.change = { result: "stored", entry, previousEntryId: 0n, groupVersion: 10n };
  const init = { messageId: 5n, reaction: "r" };
  expect((await link.request(alice, Command.MessageReact, MessageReactReqSchema, init)).status).toBe(Status.Success);
  await Bun.sleep(5);
  const asked = script.asked.length;
  for (const { command, schema, init: more } of good.filter(({ command: name }) =>
    /edit|recall|react|hide|\.read$/.test(name),
  ))
    expect([command, (await link.request(alice, command, schema, more)).status]).toEqual([command, Status.RateLimited]);
  expect(script.asked).toHaveLength(asked);
});

test("a cursor that moves is told to the reader's other connections and to the partner", async () => {
  const { request, answers, pushes } = stage();
  const read = async (init: MessageInitShape<typeof ConversationReadReqSchema>): Promise<Status> =>
    (await request(alice, Command.ConversationRead, ConversationReadReqSchema, init)).status;
  expect(await read({ account: "bob", messageId: 5n })).toBe(Status.Success);
  expect(await read({ group: "g", messageId: 6n })).toBe(Status.Success);
  expect(pushes().map(({ command, channels }) => [command, channels.toSorted()])).toEqual([
    [Command.ConversationRead, ["a2", "b1"]],
    [Command.ConversationRead, ["a2"]],
  ]);
  expect(pushes().map(({ body }) => fromBinary(ReadNotifySchema, body))).toMatchObject([
    { reader: "alice", account: "bob", group: "", messageId: 5n },
    { reader: "alice", account: "", group: "g", messageId: 6n },
  ]);
  const before = pushes().length;
  for (const [outcome, status] of [
    ["unchanged", Status.Success],
    ["notFound", Status.NotFound],
    ["future", Status.InvalidPacketBody],
  ] as const) {
    answers.read = outcome;
    expect(await read({ account: "bob", messageId: 5n })).toBe(status);
  }
  expect(pushes()).toHaveLength(before);
});

test("what an account changes for itself is pushed to its other connections with the feature", async () => {
  const { request, answers, pushes, asked } = stage();
  const answer = await request(alice, Command.ConversationSet, ConversationSetReqSchema, {
    account: "bob",
    pinned: true,
  });
  expect(fromBinary(AccountStateChangeSchema, answer.body).version).toBe(77n);
  await Bun.sleep(1);
  expect(asked.at(-1)).toEqual({ account: "alice", since: 76n, limit: 500 });
  expect(pushes().map(({ command, channels }) => [command, channels])).toEqual([[Command.AccountChanged, ["a2"]]]);
  expect(fromBinary(AccountStateRespSchema, pushes()[0]?.body ?? new Uint8Array(0))).toMatchObject({
    version: 77n,
    conversations: [{ account: "bob", group: "", pinned: true, clearedTo: 5n, version: 77n }],
    hiddenMessages: [3n],
  });
  for (const [outcome, status] of [
    [{ result: "unchanged", version: 77n }, Status.Success],
    [{ result: "unchanged", version: 0n }, Status.Success],
    [{ result: "notFound" }, Status.NotFound],
    [{ result: "full" }, Status.Forbidden],
  ] as const) {
    answers.setting = outcome;
    expect((await request(alice, Command.MessageHide, MessageHideReqSchema, { messageIds: [5n] })).status).toBe(status);
  }
  answers.setting = { result: "full" };
  const hidden = await request(alice, Command.MessageHide, MessageHideReqSchema, { messageIds: [5n] });
  expect(sentenceOf(hidden)).toContain("10000 messages");
  const pin = { account: "bob", pinned: true };
  const pinned = await request(alice, Command.ConversationSet, ConversationSetReqSchema, pin);
  expect(sentenceOf(pinned)).toContain("100 conversations");
  expect(pushes()).toHaveLength(1);
  // Another node may have stored this version, and pushed it to nobody.
  answers.setting = { result: "unchanged", version: 78n };
  for (let times = 0; times < 2; times++)
    await request(alice, Command.ConversationSet, ConversationSetReqSchema, { account: "bob", pinned: true });
  await Bun.sleep(1);
  expect(pushes()).toHaveLength(2);
});

test("a change stays stored and answered although its push fails", async () => {
  const { request, store, sessions, pushes } = stage();
  store.accountState = () => Promise.reject(new StoreUnavailable("the disk is full"));
  const init = { account: "bob", pinned: true };
  expect((await request(alice, Command.ConversationSet, ConversationSetReqSchema, init)).status).toBe(Status.Success);
  expect(pushes()).toEqual([]);
  expect((await sessions.locate(app, ["alice"]))[0]).toHaveLength(3);
});

test("who repeats a change that the store may have committed has those concerned told to look, once", async () => {
  for (const group of ["", "g"]) {
    const { request, store, answers, pushes } = stage();
    const change = store.change.bind(store);
    const react = () => request(alice, Command.MessageReact, MessageReactReqSchema, { messageId: 5n, reaction: "a" });
    store.change = () => Promise.reject(new StoreUnavailable("no answer came"));
    expect((await react()).status).toBe(Status.SystemException);
    store.change = change;
    answers.change = { result: "unchanged", entryId: 4n, time: 6n };
    const message = { messageId: 5n, direction: 0, sendTime: 1n, otherAccount: "bob", group } as const;
    // Who would have to be told is not known: the client repeats it once more.
    store.index = () => Promise.reject(new StoreUnavailable("no answer came"));
    expect((await react()).status).toBe(Status.SystemException);
    store.index = () => Promise.resolve([message]);
    for (let times = 0; times < 2; times++) expect((await react()).status).toBe(Status.Success);
    while (pushes().length === 0) await Bun.sleep(10);
    await Bun.sleep(10);
    const hints = pushes().map(({ command, channels }) => [command, channels.toSorted()]);
    const wanted = group === "" ? ["a1", "a2", "b1"] : ["a1", "a2", "b1", "c1"];
    expect(hints).toEqual([[Command.Sync, wanted]]);
  }
});

// The commands of conversations as the role decides them: who may send them at all, what is refused before the store is
// asked, how the store's outcomes are answered, and to which connections changes are pushed.

import { describe, expect, test } from "bun:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import type { ChangeOutcome, Entry, SettingOutcome } from "../../src/store/conversations.ts";
import { entryKind } from "../../src/store/conversations.ts";
import { membershipOf, type Store, StoreUnavailable, type Talk, type TalkOutcome } from "../../src/store/store.ts";
import { Command } from "../../src/wire/commands.ts";
import {
  AccountStateReqSchema,
  AccountStateRespSchema,
  AccountStateChangeSchema,
  ConversationClearReqSchema,
  ConversationListReqSchema,
  ConversationReadReqSchema,
  ConversationSetReqSchema,
  EntryKind,
  EntryRespSchema,
  EventPushSchema,
  HistoryReqSchema,
  HistoryRespSchema,
  MessageEditReqSchema,
  MessageHideReqSchema,
  MessageIndexReqSchema,
  MessageIndexRespSchema,
  MessagePushSchema,
  MessageReactReqSchema,
  MessageReadersReqSchema,
  MessageReadersRespSchema,
  MessageRecallReqSchema,
  MessageReqSchema,
  ReadNotifySchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { app, chatLink, newer, older } from "../support/chat-link.ts";
import { talkStore } from "../support/talk-store.ts";
import { sentenceOf } from "../support/wire-client.ts";

const stored: Extract<TalkOutcome, { result: "stored" }> = {
  result: "stored",
  messageId: 2_000n,
  sendTime: 9n,
  previousId: 1_000n,
  previousEntryId: 1_500n,
  groupVersion: 0n,
  repeated: false,
  writtenHere: true,
  madeAccount: false,
};

/** A store that notes what it is asked and answers as the test says. */
function scripted() {
  const asked: unknown[] = [];
  const answers: {
    change: ChangeOutcome;
    setting: SettingOutcome;
    read: "moved" | "unchanged" | "notFound" | "future";
  } = {
    change: { result: "notFound" },
    setting: { result: "stored", version: 77n },
    read: "moved",
  };
  const talks: Talk[] = [];
  let talkOutcome: TalkOutcome = stored;
  const noted = <Answer>(call: unknown, answer: Answer): Promise<Answer> => {
    asked.push(call);
    return Promise.resolve(answer);
  };
  const store: Store = {
    ...talkStore(stored),
    append: (all) => {
      talks.push(...all);
      return Promise.resolve(all.map(() => talkOutcome));
    },
    change: (change) => noted(change, answers.change),
    set: (setting) => noted(setting, answers.setting),
    hide: (request) => noted(request, answers.setting),
    accountState: (_, account, since, limit) =>
      noted(
        { account, since, limit },
        {
          version: 77n,
          settings: [
            {
              toGroup: false,
              dest: "bob",
              isPinned: true,
              isMuted: false,
              hiddenId: 0n,
              clearedTo: 5n,
              version: 77n,
            },
          ],
          hiddenMessages: [3n],
          hasMore: false,
        },
      ),
    markRead: (mark) =>
      noted(
        mark,
        answers.read === "moved" || answers.read === "unchanged"
          ? { result: answers.read, readId: mark.messageId }
          : { result: answers.read },
      ),
    readers: (query) => noted(query, { result: "found", count: 1, accounts: ["bob"], hasMore: false }),
    history: (query) => noted(query, toBinary(HistoryRespSchema, create(HistoryRespSchema, { hasBefore: true }))),
    messages: (_, account, messageIds) => noted({ account, messageIds }, new Uint8Array(0)),
    conversations: (query) => noted(query, new Uint8Array(0)),
    index: (query) => noted({ index: query }, []),
    entries: (query) =>
      noted(
        { entries: query },
        {
          entries: [
            {
              messageId: 8n,
              direction: 0,
              sendTime: 1n,
              otherAccount: "bob",
              group: "",
              kind: entryKind.reacted,
              refersTo: 7n,
              mentions: [],
              replyTo: 0n,
              reaction: "👍",
              isOff: true,
            },
          ],
          lastId: 9n,
          isReset: false,
        },
      ),
    membership: () => Promise.resolve(membershipOf(10n, ["alice", "bob", "carol"], [], 10n)),
  };
  return {
    store,
    asked,
    answers,
    talks,
    setTalk: (outcome: TalkOutcome): void => void (talkOutcome = outcome),
  };
}

/**
 * Alice with two connections that have the feature and one that has not; Bob with one of each; Carol with a new one.
 */
function stage() {
  const script = scripted();
  const link = chatLink(script.store);
  link.signIn("alice", "a1", newer);
  link.signIn("alice", "a2", ["conversations"]);
  link.signIn("alice", "a-old", older);
  link.signIn("bob", "b1", newer);
  link.signIn("bob", "b-old", older);
  link.signIn("carol", "c1", newer);
  return { ...script, ...link };
}

const alice = ["alice", "a1"] as const;
const old = ["alice", "a-old"] as const;

function entryOf(over: Partial<Entry> = {}): Entry {
  return {
    entryId: 3_000n,
    kind: entryKind.edited,
    refersTo: 2_000n,
    actor: "alice",
    time: 11n,
    account: "bob",
    group: "",
    reaction: "",
    isOff: false,
    ...over,
  };
}

interface Asked {
  readonly command: string;
  readonly schema: DescMessage;
  readonly init: MessageInitShape<DescMessage>;
}

/** A request, with its type checked. */
function ask<Desc extends DescMessage>(command: string, schema: Desc, init: MessageInitShape<Desc>): Asked {
  return { command, schema, init };
}

const good: readonly Asked[] = [
  ask(Command.ConversationList, ConversationListReqSchema, {}),
  ask(Command.ConversationRead, ConversationReadReqSchema, { account: "bob", messageId: 5n }),
  ask(Command.ConversationSet, ConversationSetReqSchema, { account: "bob", pinned: true }),
  ask(Command.ConversationClear, ConversationClearReqSchema, { account: "bob", upTo: 5n }),
  ask(Command.History, HistoryReqSchema, { account: "bob" }),
  ask(Command.MessageEdit, MessageEditReqSchema, { messageId: 5n, body: "b" }),
  ask(Command.MessageRecall, MessageRecallReqSchema, { messageId: 5n }),
  ask(Command.MessageHide, MessageHideReqSchema, { messageIds: [5n] }),
  ask(Command.MessageReact, MessageReactReqSchema, { messageId: 5n, reaction: "👍" }),
  ask(Command.MessageReaders, MessageReadersReqSchema, { messageId: 5n }),
  ask(Command.AccountState, AccountStateReqSchema, {}),
];

test("a connection without the feature is refused every command, and the store is not asked", async () => {
  const { request, asked } = stage();
  for (const { command, schema, init } of good) {
    const answer = await request(old, command, schema, init);
    expect([command, answer.status]).toEqual([command, Status.InvalidCommand]);
    expect(sentenceOf(answer)).toContain('the feature "conversations"');
  }
  expect(asked).toEqual([]);
});

test("each command asks the store for the sender's own app and account", async () => {
  const { request, asked, answers } = stage();
  answers.change = { result: "unchanged", entryId: 4n, time: 6n };
  answers.setting = { result: "unchanged", version: 5n };
  answers.read = "unchanged";
  for (const { command, schema, init } of good)
    expect((await request(alice, command, schema, init)).status).toBe(Status.Success);
  const dayMs = 86_400_000;
  const name = { toGroup: false, dest: "bob" };
  const by = { app, account: "alice" };
  const change = { app, actor: "alice", messageId: 5n };
  // What is in force already may be told to nobody yet.
  const told = { account: "alice", since: 4n, limit: 500 };
  const looked = { index: { ...by, device: "", after: 4n, includeSent: true, limit: 1 } };
  expect(asked).toEqual([
    { ...by, before: 0n, limit: 50, includeHidden: false },
    { ...by, ...name, messageId: 5n },
    { ...by, ...name, isPinned: true },
    told,
    { ...by, ...name, clearUpTo: 5n },
    { ...by, ...name, from: { at: "newest" }, limit: 50, thread: 0n },
    { ...change, kind: "edit", body: "b", extra: "", clientId: "", windowMs: dayMs },
    looked,
    { ...change, kind: "recall", windowMs: dayMs },
    looked,
    { ...by, messageIds: [5n] },
    { ...change, kind: "react", reaction: "👍", isOff: false },
    looked,
    { ...by, messageId: 5n, after: "", limit: 50 },
    { account: "alice", since: 0n, limit: 500 },
  ]);
});

describe("is refused before the store is asked:", () => {
  const invalid = Status.InvalidPacketBody;
  const history = (init: MessageInitShape<typeof HistoryReqSchema>): Asked =>
    ask(Command.History, HistoryReqSchema, init);
  const react = (reaction: string): Asked =>
    ask(Command.MessageReact, MessageReactReqSchema, { messageId: 5n, reaction });
  const edit = (init: MessageInitShape<typeof MessageEditReqSchema>): Asked =>
    ask(Command.MessageEdit, MessageEditReqSchema, { messageId: 5n, ...init });
  const cases: Record<string, readonly [Asked, Status]> = {
    "a history of nothing": [history({}), invalid],
    "a history of an account and a group": [history({ account: "bob", group: "g" }), invalid],
    "a history of an invalid name": [history({ account: "a,b" }), invalid],
    "a history before and after": [history({ account: "bob", before: 1n, after: 2n }), invalid],
    "a history before and around": [history({ account: "bob", before: 1n, around: 2n }), invalid],
    "a history before a negative id": [history({ account: "bob", before: -1n }), invalid],
    "a history of 201": [history({ account: "bob", limit: 201 }), invalid],
    "a history of -1": [history({ account: "bob", limit: -1 }), invalid],
    "a negative thread": [history({ account: "bob", thread: -1n }), invalid],
    "messages by id with a conversation": [history({ messageIds: [1n], account: "bob" }), invalid],
    "messages by id with a limit": [history({ messageIds: [1n], limit: 3 }), invalid],
    "201 messages by id": [history({ messageIds: Array.from({ length: 201 }, () => 1n) }), Status.PayloadTooLarge],
    "thousands of messages by id": [
      history({ messageIds: Array.from({ length: 9_000 }, () => 1n) }),
      Status.PayloadTooLarge,
    ],
    "a list of 101": [ask(Command.ConversationList, ConversationListReqSchema, { limit: 101 }), invalid],
    "a list of -1": [ask(Command.ConversationList, ConversationListReqSchema, { limit: -1 }), invalid],
    "a list before a negative id": [ask(Command.ConversationList, ConversationListReqSchema, { before: -1n }), invalid],
    "reading up to 0": [ask(Command.ConversationRead, ConversationReadReqSchema, { account: "bob" }), invalid],
    "reading up to -1": [
      ask(Command.ConversationRead, ConversationReadReqSchema, { account: "bob", messageId: -1n }),
      invalid,
    ],
    "reading nothing": [ask(Command.ConversationRead, ConversationReadReqSchema, { messageId: 5n }), invalid],
    "setting nothing": [ask(Command.ConversationSet, ConversationSetReqSchema, { account: "bob" }), invalid],
    "setting no conversation": [ask(Command.ConversationSet, ConversationSetReqSchema, { pinned: true }), invalid],
    "clearing up to 0": [ask(Command.ConversationClear, ConversationClearReqSchema, { account: "bob" }), invalid],
    "hiding nothing": [ask(Command.MessageHide, MessageHideReqSchema, {}), invalid],
    "hiding 0": [ask(Command.MessageHide, MessageHideReqSchema, { messageIds: [0n] }), invalid],
    "hiding 201": [
      ask(Command.MessageHide, MessageHideReqSchema, {
        messageIds: Array.from({ length: 201 }, (_, at) => BigInt(at)),
      }),
      Status.PayloadTooLarge,
    ],
    "editing message 0": [edit({ messageId: 0n }), invalid],
    "editing message -1": [edit({ messageId: -1n }), invalid],
    "a body that is too long": [edit({ body: "b".repeat(16 * 1024 + 1) }), Status.PayloadTooLarge],
    "an extra that is too long": [edit({ extra: "e".repeat(4 * 1024 + 1) }), Status.PayloadTooLarge],
    "a clientId that is too long": [edit({ clientId: "c".repeat(65) }), invalid],
    "recalling message 0": [ask(Command.MessageRecall, MessageRecallReqSchema, {}), invalid],
    "no reaction": [react(""), invalid],
    "a reaction of 33 bytes": [react("r".repeat(33)), invalid],
    "a reaction of 33 bytes in few characters": [react("漢".repeat(11)), invalid],
    "a reaction with a control character": [react("a\u0007"), invalid],
    "a reaction with a line break": [react("a\n"), invalid],
    "readers of message 0": [ask(Command.MessageReaders, MessageReadersReqSchema, {}), invalid],
    "201 readers": [ask(Command.MessageReaders, MessageReadersReqSchema, { messageId: 5n, limit: 201 }), invalid],
    "readers after what is no name": [
      ask(Command.MessageReaders, MessageReadersReqSchema, { messageId: 5n, after: "a,b" }),
      invalid,
    ],
    "state since a negative version": [
      ask(Command.AccountState, AccountStateReqSchema, { sinceVersion: -1n }),
      invalid,
    ],
  };
  for (const [title, [{ command, schema, init }, status]] of Object.entries(cases)) {
    test(title, async () => {
      const { request, asked } = stage();
      const answer = await request(alice, command, schema, init);
      expect(answer.status).toBe(status);
      expect(sentenceOf(answer)).not.toBe("");
      expect(asked).toEqual([]);
    });
  }

  test("a body that is none", async () => {
    const { requestBytes, asked } = stage();
    for (const { command } of good) {
      const answer = await requestBytes(alice, command, Buffer.from("ff", "hex"));
      expect([command, answer.status]).toEqual([command, invalid]);
    }
    expect(asked).toEqual([]);
  });
});

test("a reaction of 32 bytes with joiners and variation selectors is one", async () => {
  const { request, asked, answers } = stage();
  answers.change = { result: "unchanged", entryId: 0n, time: 0n };
  for (const reaction of ["r".repeat(32), "👨‍👩‍👧‍👦", "❤️"])
    expect(
      (await request(alice, Command.MessageReact, MessageReactReqSchema, { messageId: 5n, reaction })).status,
    ).toBe(Status.Success);
  expect(asked).toMatchObject([
    { kind: "react" },
    { index: {} },
    { kind: "react" },
    { index: {} },
    { kind: "react" },
    { index: {} },
  ]);
});

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
    /edit|recall|react|\.read$/.test(name),
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

test("while the store is away every command is answered with SystemException", async () => {
  const { request, store } = stage();
  const away = (): Promise<never> => Promise.reject(new StoreUnavailable("away"));
  for (const name of [
    "change",
    "set",
    "hide",
    "accountState",
    "markRead",
    "readers",
    "history",
    "conversations",
  ] as const)
    store[name] = away;
  for (const { command, schema, init } of good)
    expect([command, (await request(alice, command, schema, init)).status]).toEqual([command, Status.SystemException]);
});

describe("the index", () => {
  const index = (includeEvents: boolean) =>
    ask(Command.OfflineIndex, MessageIndexReqSchema, { messageId: 5n, includeEvents });

  test("of a connection without the feature is the former one, whatever it asks for", async () => {
    const { request, asked } = stage();
    const { command, schema, init } = index(true);
    const answer = await request(old, command, schema, init);
    expect(answer.body).toHaveLength(0);
    expect(asked).toMatchObject([{ index: { account: "alice", after: 5n } }]);
  });

  test("of a connection with the feature says the last id, and what entries are if it asks for events", async () => {
    const { request, asked } = stage();
    for (const includeEvents of [false, true]) {
      const { command, schema, init } = index(includeEvents);
      const answer = await request(alice, command, schema, init);
      const plain = { messageId: 8n, direction: 0, sendTime: 1n, accountB: "bob", group: "" };
      const event = { kind: EntryKind.EntryReacted, refersTo: 7n, detail: { reaction: "👍", off: true } };
      expect(fromBinary(MessageIndexRespSchema, answer.body)).toMatchObject({
        indexes: [{ ...plain, ...(includeEvents ? event : { kind: EntryKind.EntryMessage, refersTo: 0n }) }],
        lastId: 9n,
        reset: false,
      });
    }
    expect(asked).toMatchObject([{ entries: { includeEvents: false } }, { entries: { includeEvents: true } }]);
  });
});

describe("a talk", () => {
  const talk = { type: 1, body: "hello", extra: "", clientId: "" };
  const both = { mentions: ["bob", "bob"], replyTo: 1_000n };

  test("of a connection without the feature mentions and answers nothing, whatever it says", async () => {
    const { request, talks, requestBytes } = stage();
    const init = { ...talk, ...both };
    expect((await request(old, Command.UserTalk, MessageReqSchema, init, "bob")).status).toBe(Status.Success);
    const many = { ...talk, mentions: Array.from({ length: 51 }, () => "a,b"), replyTo: -1n };
    expect((await request(old, Command.UserTalk, MessageReqSchema, many, "bob")).status).toBe(Status.Success);
    // A field of another type is as unknown to it as any.
    const bytes = Buffer.concat([
      Buffer.from("2801", "hex"),
      toBinary(MessageReqSchema, create(MessageReqSchema, talk)),
    ]);
    expect((await requestBytes(old, Command.UserTalk, bytes, "bob")).status).toBe(Status.Success);
    const plain = { app, sender: "alice", toGroup: false, dest: "bob", ...talk };
    expect(talks).toEqual([plain, plain, plain]);
  });

  test("mentions each once, and answers a message", async () => {
    const { request, talks } = stage();
    expect((await request(alice, Command.UserTalk, MessageReqSchema, { ...talk, ...both }, "bob")).status).toBe(
      Status.Success,
    );
    expect(talks).toMatchObject([{ mentions: ["bob"], replyTo: 1_000n }]);
    await request(alice, Command.GroupTalk, MessageReqSchema, { ...talk, mentions: ["*"] }, "g");
    expect(talks[1]).toMatchObject({ mentions: ["*"], replyTo: 0n });
  });

  test("with mentions or a reply that cannot be is refused, and not stored", async () => {
    const { request, talks } = stage();
    const cases: readonly (readonly [string, MessageInitShape<typeof MessageReqSchema>])[] = [
      [Command.UserTalk, { mentions: Array.from({ length: 51 }, () => "bob") }],
      [Command.UserTalk, { mentions: ["a,b"] }],
      [Command.UserTalk, { mentions: [""] }],
      [Command.UserTalk, { mentions: ["*"] }],
      [Command.GroupTalk, { mentions: ["*", "bob"] }],
      [Command.UserTalk, { replyTo: -1n }],
    ];
    for (const [command, init] of cases) {
      const answer = await request(alice, command, MessageReqSchema, { ...talk, ...init }, "bob");
      expect(answer.status).toBe(Status.InvalidPacketBody);
      expect(sentenceOf(answer)).toMatch(/mentions|replyTo/);
    }
    expect(talks).toEqual([]);
  });

  test("that the store refuses for its mentions or its reply is answered with a sentence", async () => {
    const { request, setTalk } = stage();
    for (const [result, status] of [
      ["mentionOfStranger", Status.Forbidden],
      ["mentionOfAll", Status.Forbidden],
      ["replyElsewhere", Status.InvalidPacketBody],
    ] as const) {
      setTalk({ result });
      const answer = await request(alice, Command.UserTalk, MessageReqSchema, { ...talk, ...both }, "bob");
      expect(answer.status).toBe(status);
      expect(sentenceOf(answer)).not.toBe("");
    }
  });

  test("is pushed as one packet, of which connections without the feature get what they always did", async () => {
    const { request, pushes } = stage();
    await request(alice, Command.UserTalk, MessageReqSchema, { ...talk, ...both }, "bob");
    await Bun.sleep(1);
    const [push, ...others] = pushes();
    expect(others).toEqual([]);
    const { plain, channels = [], body = new Uint8Array(0) } = push ?? {};
    expect(channels.slice(0, plain?.count).toSorted()).toEqual(["a-old", "b-old"]);
    expect(channels.slice(plain?.count).toSorted()).toEqual(["a2", "b1"]);
    const former = { messageId: 2_000n, type: 1, body: "hello", sender: "alice", sendTime: 9n, previousId: 1_000n };
    const cut = Buffer.from(toBinary(MessagePushSchema, create(MessagePushSchema, former)));
    expect(Buffer.from(body.subarray(0, plain?.bytes))).toEqual(cut);
    expect(fromBinary(MessagePushSchema, body)).toMatchObject({
      ...former,
      previousEntryId: 1_500n,
      mentions: ["bob"],
      replyTo: 1_000n,
    });
  });

  test("to a lone connection is pushed with what that may see, and no cut is asked of its gateway", async () => {
    for (const features of [newer, older]) {
      const script = scripted();
      const link = chatLink(script.store);
      link.signIn("alice", "a1", newer);
      link.signIn("bob", "b1", features);
      await link.request(alice, Command.UserTalk, MessageReqSchema, talk, "bob");
      await Bun.sleep(1);
      const [push] = link.pushes();
      expect(push).toMatchObject({ channels: ["b1"], plain: undefined });
      const { previousEntryId } = fromBinary(MessagePushSchema, push?.body ?? new Uint8Array(0));
      expect(previousEntryId).toBe(features === newer ? 1_500n : 0n);
    }
  });
});

test("readers are answered with their page", async () => {
  const { request } = stage();
  const answer = await request(alice, Command.MessageReaders, MessageReadersReqSchema, { messageId: 5n, limit: 200 });
  expect(fromBinary(MessageReadersRespSchema, answer.body)).toMatchObject({
    count: 1,
    accounts: ["bob"],
    hasMore: false,
  });
});

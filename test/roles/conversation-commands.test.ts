// The commands of conversations as the role decides them: who may send them at all, what is refused before the store is
// asked, and how the store's answers are answered.
import { describe, expect, test } from "bun:test";
import { fromBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { StoreUnavailable } from "../../src/store/store.ts";
import { Command } from "../../src/wire/commands.ts";
import {
  AccountStateReqSchema,
  ConversationClearReqSchema,
  ConversationListReqSchema,
  ConversationReadReqSchema,
  ConversationSetReqSchema,
  HistoryReqSchema,
  MessageEditReqSchema,
  MessageHideReqSchema,
  MessageReactReqSchema,
  MessageReadersReqSchema,
  MessageReadersRespSchema,
  MessageRecallReqSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { app, chatLink, newer } from "../support/chat-link.ts";
import { sentenceOf } from "../support/wire-client.ts";
import { alice, ask, type Asked, good, old, scripted, stage } from "./conversation-stage.ts";

test("a connection without the feature is refused every command, and the store is not asked", async () => {
  const { request, asked } = stage();
  for (const { command, schema, init } of good) {
    const answer = await request(old, command, schema, init);
    expect([command, answer.status]).toEqual([command, Status.InvalidCommand]);
    expect(sentenceOf(answer)).toContain('the feature "conversations"');
  }
  expect(asked).toEqual([]);
});

test("what an account sets takes its turn among what it reads: few at a time, and others come in between", async () => {
  const script = scripted();
  const ends: (() => void)[] = [];
  const set: typeof script.store.set = (setting) =>
    new Promise((resolve) => {
      script.asked.push(setting);
      ends.push(() => resolve({ result: "stored", version: 77n }));
    });
  const link = chatLink({ ...script.store, set });
  link.signIn("alice", "a1", newer);
  link.signIn("bob", "b1", newer);
  const all = ["alice", "bob"].flatMap((account) =>
    Array.from({ length: account === "alice" ? 10 : 1 }, (_, at) =>
      at % 2 === 0
        ? link.request([account, `${account[0]}1`], Command.ConversationSet, ConversationSetReqSchema, {
            account: "carol",
            hidden: true,
          })
        : link.request([account, `${account[0]}1`], Command.ConversationClear, ConversationClearReqSchema, {
            account: "carol",
            upTo: 5n,
          }),
    ),
  );
  await Bun.sleep(0);
  expect(script.asked).toHaveLength(9);
  while (ends.length > 0) {
    ends.shift()?.();
    await Bun.sleep(0);
  }
  expect((await Promise.all(all)).map(({ status }) => status)).toEqual(all.map(() => Status.Success));
});

test("each command asks the store for the sender's own app and account", async () => {
  const { request, asked, answers } = stage();
  answers.setting = { result: "unchanged", version: 5n };
  answers.read = "unchanged";
  let entryId = 4n;
  for (const { command, schema, init } of good) {
    answers.change = { result: "unchanged", entryId: entryId++, time: 6n };
    expect((await request(alice, command, schema, init)).status).toBe(Status.Success);
  }
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

  test("a body of more than 4 KiB that asks for little", async () => {
    const { requestBytes, asked } = stage();
    // A group's name, which is field 2 of many, or an unknown field.
    const body = Buffer.concat([Buffer.from("128820", "hex"), Buffer.alloc(4_104, "g")]);
    for (const { command } of good.filter(({ command: name }) => name !== Command.MessageEdit)) {
      const answer = await requestBytes(alice, command, body);
      expect([command, answer.status]).toEqual([command, Status.PayloadTooLarge]);
    }
    expect(asked).toEqual([]);
  });

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
  // The store does not know of an entry that did it: nobody is told.
  expect(asked).toMatchObject([{ kind: "react" }, { kind: "react" }, { kind: "react" }]);
});

test("hiding is charged by messages, whether or not they were hidden already", async () => {
  const script = scripted();
  const link = chatLink(script.store, { fanOutAtOnce: 1_000, fanOutPerSecond: 1 });
  link.signIn("alice", "a1", newer);
  const messageIds = Array.from({ length: 100 }, (_, at) => BigInt(at + 1));
  const hide = async () =>
    (await link.request(alice, Command.MessageHide, MessageHideReqSchema, { messageIds })).status;
  expect(await hide()).toBe(Status.Success);
  script.answers.setting = { result: "unchanged", version: 0n };
  expect([await hide(), await hide()]).toEqual([Status.Success, Status.RateLimited]);
  expect(script.asked).toHaveLength(2);
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

test("readers are answered with their page", async () => {
  const { request } = stage();
  const answer = await request(alice, Command.MessageReaders, MessageReadersReqSchema, { messageId: 5n, limit: 200 });
  expect(fromBinary(MessageReadersRespSchema, answer.body)).toMatchObject({
    count: 1,
    accounts: ["bob"],
    hasMore: false,
  });
});

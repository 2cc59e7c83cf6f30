// The commands of blocks, settings and profiles: what is refused before the store is asked, what it is asked, how it is
// answered, and to which connections it is pushed.
import { describe, expect, test } from "bun:test";
import { fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import {
  AccountSettingsReqSchema,
  AccountSettingsSchema,
  AccountStateChangeSchema,
  AccountStateReqSchema,
  AccountStateRespSchema,
  BlockedReqSchema,
  BlockedRespSchema,
  BlockReqSchema,
  Consent,
  ConversationReadReqSchema,
  ProfileReqSchema,
  ProfileRespSchema,
  ProfileSetReqSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { app } from "../support/chat-link.ts";
import { sentenceOf } from "../support/wire-client.ts";
import { alice, ask, type Asked } from "./conversation-stage.ts";
import { goodOfPeople, groupStage } from "./group-stage.ts";

const block = (account: string): Asked => ask(Command.AccountBlock, BlockReqSchema, { account });
const profile = (init: MessageInitShape<typeof ProfileSetReqSchema>): Asked =>
  ask(Command.AccountSetProfile, ProfileSetReqSchema, init);
const profiles = (init: MessageInitShape<typeof ProfileReqSchema>): Asked =>
  ask(Command.AccountProfile, ProfileReqSchema, init);

test("each command asks the store for the sender's own app and account", async () => {
  const { request, asked, answers } = groupStage();
  answers.setting = { result: "unchanged", version: 0n };
  for (const { command, schema, init } of goodOfPeople)
    expect([command, (await request(alice, command, schema, init)).status]).toEqual([command, Status.Success]);
  const by = { app, account: "alice" };
  expect(asked).toEqual([
    { ...by, blocked: "bob", isOff: false },
    { ...by, blocked: "bob", isOff: true },
    { ...by, after: "ann", limit: 200 },
    { ...by, add: "nobody" },
    by,
    { app, accounts: ["bob", "carol"], versions: [4n] },
    { ...by, name: "Al", avatar: "https://example.org/a.png" },
  ]);
});

describe("is refused before the store is asked:", () => {
  const invalid = Status.InvalidPacketBody;
  const large = Status.PayloadTooLarge;
  const settings = (init: MessageInitShape<typeof AccountSettingsReqSchema>): Asked =>
    ask(Command.AccountSettings, AccountSettingsReqSchema, init);
  const names = Array.from({ length: 201 }, (_, at) => `m${at}`);
  const cases: Record<string, readonly [Asked, Status]> = {
    "blocking oneself": [block("alice"), invalid],
    "unblocking oneself": [ask(Command.AccountUnblock, BlockReqSchema, { account: "alice" }), invalid],
    "blocking nobody": [block(""), invalid],
    "blocking what is no name": [block("a,b"), invalid],
    "blocking a name of a megabyte": [block("a".repeat(1024 * 1024)), large],
    "201 blocked ones": [ask(Command.AccountBlocked, BlockedReqSchema, { limit: 201 }), invalid],
    "blocked ones after what is no name": [ask(Command.AccountBlocked, BlockedReqSchema, { after: "a,b" }), invalid],
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a number that the protocol does not have
    "a setting that does not exist": [settings({ write: 3 as Consent }), invalid],
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- likewise
    "a negative setting": [settings({ add: -1 as Consent }), invalid],
    "201 profiles": [profiles({ accounts: names }), large],
    "very many profiles": [profiles({ accounts: Array.from({ length: 100_000 }, () => "m") }), large],
    "a profile of what is no name": [profiles({ accounts: ["bob", ""] }), invalid],
    "more versions than accounts": [profiles({ accounts: ["bob"], versions: [1n, 2n] }), invalid],
    "a negative version": [profiles({ accounts: ["bob"], versions: [-1n] }), invalid],
    "a profile of nothing": [profile({}), invalid],
    "a name of 65 characters": [profile({ name: "n".repeat(65) }), invalid],
    "a name of 65 characters of two units": [profile({ name: "👍".repeat(65) }), invalid],
    "a name with a control character": [profile({ name: "a\u0000" }), invalid],
    "a name with a direction mark": [profile({ name: "a\u200f" }), invalid],
    "a name of a megabyte": [profile({ name: "n".repeat(1024 * 1024) }), large],
    "an avatar of 513 bytes": [profile({ avatar: `https://example.org/${"a".repeat(493)}` }), large],
    "an avatar that runs code": [profile({ avatar: "javascript:alert(1)" }), invalid],
    "an avatar with a line feed": [profile({ avatar: "https://example.org/\na" }), invalid],
    "an avatar with a space": [profile({ avatar: "https://example.org/a b" }), invalid],
    "an avatar that is no URL": [profile({ avatar: "https://" }), invalid],
    "an extra of 1,025 bytes": [profile({ extra: "e".repeat(1_025) }), large],
  };
  for (const [title, [{ command, schema, init }, status]] of Object.entries(cases)) {
    test(title, async () => {
      const { request, asked } = groupStage();
      const answer = await request(alice, command, schema, init);
      expect([answer.status, sentenceOf(answer)]).toEqual([status, expect.stringMatching(/\w/)]);
      expect(asked).toEqual([]);
    });
  }
});

test("what is just allowed is asked of the store", async () => {
  const { request, asked } = groupStage();
  const allowed = [
    profile({ name: "👩‍🚀".repeat(21) }),
    profile({ name: "", avatar: "", extra: "" }),
    profile({ avatar: `HTTP://example.org/${"a".repeat(493)}`, extra: "a\n\u202e".padEnd(1_020, "e") }),
    profiles({ accounts: Array.from({ length: 200 }, (_, at) => `${at}`.padEnd(60, "漢")) }),
    profiles({}),
  ];
  for (const { command, schema, init } of allowed)
    expect([command, (await request(alice, command, schema, init)).status]).toEqual([command, Status.Success]);
  expect(asked.length).toBeGreaterThanOrEqual(allowed.length);
});

test("what an account changes is pushed to its own other connections, and to nobody else", async () => {
  const stage = groupStage();
  const { request, store, pushes } = stage;
  const state = store.accountState.bind(store);
  store.accountState = async (...asked) => ({
    ...(await state(...asked)),
    blocks: [
      { account: "bob", isOff: false, version: 76n },
      { account: "eve", isOff: true, version: 77n },
    ],
    consent: { write: "conversations", add: "nobody", version: 75n },
    profile: { account: "alice", name: "Al", avatar: "", extra: "x", version: 74n },
  });
  const changed = block("bob");
  const answer = await request(alice, changed.command, changed.schema, changed.init);
  expect(fromBinary(AccountStateChangeSchema, answer.body).version).toBe(77n);
  expect(await stage.settled()).toEqual(["account.changed a2"]);
  const wanted = {
    version: 77n,
    blocks: [
      { account: "bob", off: false, version: 76n },
      { account: "eve", off: true, version: 77n },
    ],
    settings: { write: Consent.ConsentConversations, add: Consent.ConsentNobody, version: 75n },
    profile: { account: "alice", name: "Al", avatar: "", extra: "x", version: 74n },
  };
  expect(fromBinary(AccountStateRespSchema, pushes()[0]?.body ?? new Uint8Array(0))).toMatchObject(wanted);
  const read = await request(alice, Command.AccountState, AccountStateReqSchema, {});
  expect(fromBinary(AccountStateRespSchema, read.body)).toMatchObject(wanted);
  // The same version is told once, whatever it holds.
  for (const { command, schema, init } of goodOfPeople) await request(alice, command, schema, init);
  expect(await stage.settled()).toHaveLength(1);
});

test("settings are answered as they are now, and pushed if something changed", async () => {
  const stage = groupStage();
  const settingsOf = (init: MessageInitShape<typeof AccountSettingsReqSchema>) =>
    stage.request(alice, Command.AccountSettings, AccountSettingsReqSchema, init);
  const now = { write: Consent.ConsentConversations, add: Consent.ConsentNobody, version: 77n };
  expect(fromBinary(AccountSettingsSchema, (await settingsOf({})).body)).toMatchObject(now);
  expect(await stage.settled()).toEqual([]);
  expect(stage.asked).toEqual([{ app, account: "alice" }]);
  const changed = await settingsOf({ write: Consent.ConsentEverybody });
  expect(fromBinary(AccountSettingsSchema, changed.body)).toMatchObject(now);
  expect(await stage.settled()).toEqual(["account.changed a2"]);
});

test("profiles and blocked accounts are answered as pages", async () => {
  const { request } = groupStage();
  const found = async ({ command, schema, init }: Asked) => (await request(alice, command, schema, init)).body;
  expect(fromBinary(ProfileRespSchema, await found(profiles({ accounts: ["bob"] })))).toMatchObject({
    profiles: [{ account: "bob", name: "Bob", version: 5n }],
  });
  expect(fromBinary(BlockedRespSchema, await found(ask(Command.AccountBlocked, BlockedReqSchema, {})))).toMatchObject({
    accounts: ["bob"],
    hasMore: true,
  });
});

test("the partner of a conversation is not told how far one has read that blocks it", async () => {
  for (const isPrivate of [true, false]) {
    const stage = groupStage();
    stage.store.markRead = ({ messageId }) => Promise.resolve({ result: "moved", readId: messageId, isPrivate });
    await stage.request(alice, Command.ConversationRead, ConversationReadReqSchema, { account: "bob", messageId: 5n });
    expect(await stage.settled()).toEqual([`chat.conversation.read ${isPrivate ? "a2" : "a2,b1"}`]);
  }
});

test("who has made too many accounts blocks known ones only", async () => {
  const { request, asked, answers, limits } = groupStage({ accountsMadeAtOnce: 2, accountsMadePerSecond: 1 });
  const { command, schema, init } = block("unheard of");
  answers.setting = { result: "stored", version: 77n, madeAccount: true };
  for (let times = 0; times < 2; times++)
    expect((await request(alice, command, schema, init)).status).toBe(Status.Success);
  answers.setting = { result: "notFound" };
  const answer = await request(alice, command, schema, init);
  expect([answer.status, sentenceOf(answer)]).toEqual([
    Status.RateLimited,
    expect.stringContaining("too many accounts"),
  ]);
  expect(asked.at(-1)).toEqual({ app, account: "alice", blocked: "unheard of", isOff: false, toKnown: true });
  expect(limits.reached.get("accountsMadePerSecond")).toBe(1);
});

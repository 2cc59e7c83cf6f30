// Exports, imports and the deletion of an account, by the package's clients and without them.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { create, toJson, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { Accounts, Admin, RecordSchema, Role } from "../../src/wire/gen/api_pb.ts";
import { Consent } from "../../src/wire/gen/pkt_pb.ts";
import { exportsPerKeyMax } from "../../src/base/limits/fixed.ts";
import { ApiStage, type KeyName } from "./api-stage.ts";

let stage: ApiStage;
beforeAll(async () => {
  stage = await ApiStage.start();
});
afterAll(() => stage.messenger.stop());

type WireRecord = MessageInitShape<typeof RecordSchema>;

const accounts = (key: KeyName = "all") => createClient(Accounts, stage.transport(key));
const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;

async function failure(work: Promise<unknown>): Promise<{ code: Code; sentence: string }> {
  try {
    await work;
  } catch (error) {
    const { code, rawMessage: sentence } = ConnectError.from(error);
    return { code, sentence };
  }
  throw new Error("it succeeded");
}

async function exported(request: Parameters<ReturnType<ApiStage["messages"]>["export"]>[0], isBinary = true) {
  const records = [];
  for await (const record of stage.messages("everyApp", isBinary).export(request)) records.push(record);
  return records;
}

const message = (body: string, change: object = {}): WireRecord => ({
  kind: {
    case: "message",
    value: { sender: "ann", account: "bob", sendTime: 1_700_000_000_000_000_000n, body, ...change },
  },
});

test("what is exported is imported into another app, and exported from it again, in JSON and in binary", async () => {
  const { group } = await stage
    .groups("everyApp")
    .create({ app: "first", name: "Project", owner: "ann", members: ["bob"] });
  const send = (body: string, change: object) => stage.messages("everyApp").send({ app: "first", body, ...change });
  await send("one", { sender: "ann", to: "bob" });
  await send("two", { sender: "bob", group });
  await send("of the system", { to: "bob" });
  const records = await exported({ app: "first" });
  expect(records.map(({ kind }) => kind.case)).toEqual(["group", "member", "member", "message", "message", "message"]);
  for (const isBinary of [true, false]) {
    const app = `copy ${isBinary}`;
    const messages = stage.messages("everyApp", isBinary);
    const page = { app, name: "nightly", records };
    const first = await messages.import(page);
    expect(first).toMatchObject({ cursor: "6", stored: 6n, repeatedPage: false });
    expect(await messages.import(page)).toMatchObject({ cursor: "6", stored: 6n, repeatedPage: true });
    const copy = await exported({ app }, isBinary);
    const withoutIds = (all: typeof records) =>
      all.map(({ kind }) => {
        const json = toJson(RecordSchema, create(RecordSchema, { kind }));
        return JSON.stringify(json).replace(/"messageId":"\d+",/, "");
      });
    expect(withoutIds(copy)).toEqual(withoutIds(records));
    expect(await messages.history({ app, account: "bob", group })).toMatchObject({ messages: [{ body: "two" }] });
    await messages.import({ app, name: "nightly", cursor: "6", last: true });
    expect(await failure(messages.import({ ...page, name: "again" }))).toMatchObject({ code: Code.FailedPrecondition });
  }
});

test("an account's export has what it has set and the groups that it has left, and is imported elsewhere", async () => {
  const app = "leaving";
  const { group } = await stage.groups("everyApp").create({ app, name: "Secret", owner: "ann", members: ["bob"] });
  await stage.messages("everyApp").send({ app, body: "hi", sender: "ann", group });
  await stage.groups("everyApp").removeMembers({ app, group, accounts: ["bob"] });
  const records = await exported({ app, account: "bob" });
  expect(records.map(({ kind }) => kind.case)).toEqual(["account", "group", "member", "message", "member"]);
  expect(records[1]?.kind.value).toMatchObject({ id: group, name: "", owner: "" });
  const page = { app: "elsewhere", name: "bob", records, last: true };
  expect(await stage.messages("everyApp").import(page)).toMatchObject({ stored: 5n });
});

test("an account's settings, views and read cursors come back with an import, in JSON and in binary", async () => {
  const app = "views";
  const messages = stage.messages("everyApp");
  const { messageId } = await messages.send({ app, body: "hi", sender: "ann", to: "bob" });
  await stage.conversations("everyApp").markRead({ app, account: "bob", peer: "ann", messageId });
  const own = (await exported({ app })).filter(({ kind }) => kind.case === "conversation");
  expect(own.map(({ kind }) => kind.value)).toMatchObject([{ account: "bob", peer: "ann", readTo: messageId }]);
  const settings: WireRecord = {
    kind: {
      case: "account",
      value: { account: "bob", write: Consent.ConsentConversations, blocked: ["joe", "eve", "joe"] },
    },
  };
  // What the system lets others do is not up to an import.
  const systems: WireRecord = { kind: { case: "account", value: { account: "@system", blocked: ["bob"] } } };
  for (const isBinary of [true, false]) {
    const copy = `views ${isBinary}`;
    const page = { app: copy, name: "n", records: [settings, ...(await exported({ app }))], last: true };
    for (const repeatedPage of [false, true])
      expect(await stage.messages("everyApp", isBinary).import(page)).toMatchObject({ stored: 3n, repeatedPage });
    expect(await stage.messages("everyApp").import({ app: `${copy} 2`, name: "n", records: [systems] })).toMatchObject({
      stored: 1n,
    });
    expect((await exported({ app: `${copy} 2`, account: "@system" })).map(({ kind }) => kind.value)).toMatchObject([
      { account: "@system", write: Consent.ConsentNobody, add: Consent.ConsentNobody, blocked: [] },
    ]);
    const [account, sent, view, ...rest] = await exported({ app: copy }, isBinary);
    expect([account?.kind.value, rest]).toMatchObject([
      { write: Consent.ConsentConversations, blocked: ["eve", "joe"] },
      [],
    ]);
    expect(sent?.kind.case === "message" && view?.kind.case === "conversation").toBe(true);
    if (sent?.kind.case === "message" && view?.kind.case === "conversation")
      expect(view.kind.value.readTo).toBe(sent.kind.value.messageId);
    const { conversations } = await stage.conversations("everyApp").list({ app: copy, account: "bob" });
    expect(conversations).toMatchObject([{ account: "ann", unread: 0 }]);
  }
});

test("pins, invitations and requests to join come back with an import, in JSON and in binary", async () => {
  const now = BigInt(Math.floor(Date.now() / 1_000));
  const behindLog: NonNullable<WireRecord["kind"]>[] = [
    { case: "pin", value: { account: "bob", messageId: 7n } },
    {
      case: "invitation",
      value: { group: "g1", code: "b".repeat(22), account: "ann", expiresAt: now + 86_400n, usesLeft: 3 },
    },
    { case: "joinRequest", value: { group: "g1", account: "eve", text: "let me in", time: now - 86_400n } },
  ];
  const records: WireRecord[] = [
    { kind: { case: "group", value: { id: "g1", owner: "ann" } } },
    { kind: { case: "member", value: { group: "g1", account: "ann", role: Role.owner } } },
    message("pinned", { account: "", group: "g1", messageId: 7n }),
    ...behindLog.map((kind) => ({ kind })),
  ];
  for (const isBinary of [true, false]) {
    const app = `pinned ${isBinary}`;
    await stage.messages("everyApp", isBinary).import({ app, name: "nightly", records, last: true });
    const found = (await exported({ app }, isBinary)).map(({ kind }) => kind);
    const [pinned] = found.flatMap((kind) => (kind.case === "message" ? [kind.value.messageId] : []));
    expect(found.slice(-3)).toMatchObject(
      behindLog.map((kind) =>
        kind.case === "pin" ? { case: "pin", value: { account: "bob", messageId: pinned } } : kind,
      ),
    );
  }
});

test("an export is resumed by the cursor of its last record, and ends after its limit", async () => {
  for (let i = 0; i < 5; i++) await stage.messages("everyApp").send({ app: "second", to: "bob", body: `${i}` });
  const whole = await exported({ app: "second", account: "bob" });
  // What the account has set, and the messages.
  expect(whole).toHaveLength(6);
  const first = await exported({ app: "second", account: "bob", limit: 2 });
  expect(first).toEqual(whole.slice(0, 2));
  const { cursor = "" } = first.at(-1) ?? {};
  expect(await exported({ app: "second", account: "bob", cursor })).toEqual(whole.slice(2));
});

test("the last record of an export leads to what is new in the log, whatever else has come behind it", async () => {
  const app = "ended";
  const sendAndRead = async (to: string, body: string): Promise<void> => {
    const { messageId } = await stage.messages("everyApp").send({ app, sender: "ann", to, body });
    await stage.conversations("everyApp").markRead({ app, account: to, peer: "ann", messageId });
  };
  await sendAndRead("bob", "one");
  const { cursor = "", kind } = (await exported({ app })).at(-1) ?? {};
  expect(kind).toMatchObject({ case: "conversation", value: { account: "bob" } });
  expect(await exported({ app, cursor })).toEqual([]);
  await sendAndRead("eve", "two");
  const [first, ...views] = (await exported({ app, cursor })).map((record) => record.kind);
  expect(first).toMatchObject({ case: "message", value: { body: "two" } });
  expect(views).toMatchObject([{ value: { account: "bob" } }, { value: { account: "eve" } }]);
});

test("what an export cannot give is refused with a sentence", async () => {
  await stage.messages("everyApp").send({ app: "third", to: "bob", body: "hi" });
  const refused = (request: object, code: Code) =>
    expect(failure(exported({ app: "third", ...request }))).resolves.toMatchObject({ code });
  await refused({ account: "nobody" }, Code.NotFound);
  await refused({ group: "nothing" }, Code.NotFound);
  await refused({ account: "bob", group: "g" }, Code.InvalidArgument);
  await refused({ peer: "bob" }, Code.InvalidArgument);
  await refused({ account: "a,b" }, Code.InvalidArgument);
  await refused({ cursor: "no cursor" }, Code.InvalidArgument);
  const work = async () => {
    for await (const _ of stage.messages("sender").export({})) throw new Error("it gave a record");
  };
  const { code, sentence } = await failure(work());
  expect(code).toBe(Code.PermissionDenied);
  expect(sentence).toContain("messages:export");
});

test("a page of an import that is not in order stores nothing, and its refusal names the place", async () => {
  const messages = stage.messages("everyApp");
  const refused = async (records: WireRecord[], sentence: RegExp, code = Code.InvalidArgument) =>
    expect(await failure(messages.import({ app: "fourth", name: "x", records }))).toEqual({
      code,
      sentence: expect.stringMatching(sentence),
    });
  const good = message("good");
  await refused([good, { kind: { case: undefined } }], /^records\[1\] must have one of/);
  await refused([good, message("", { sender: "a,b" })], /^records\[1\]\.message\.sender must be the name/);
  await refused([good, message("", { account: "" })], /one of account and group/);
  await refused([good, message("", { sendTime: 0n })], /sendTime must be/);
  await refused([good, message("", { sendTime: nowNs() + 86_400_000_000_000n })], /in the future/);
  await refused([good, message("", { sendTime: 2n ** 63n - 1n })], /in the future/);
  await refused([good, message("x".repeat(20_000))], /body has at most/);
  await refused([good, message("", { account: "", group: "g9" })], /g9 has no record/);
  await refused([good, message("", { mentions: ["a,b"] })], /mentions must be/);
  const member = (value: object): WireRecord => ({
    kind: { case: "member", value: { group: "g1", account: "ann", ...value } },
  });
  await refused([member({})], /g1 has no record/);
  await refused([member({ joinTime: 5n, leaveTime: 4n })], /must not be before/);
  await refused([member({ joinTime: -1n })], /must be seconds/);
  await refused([member({ role: 7 })], /role must be one of/);
  await refused([{ kind: { case: "group", value: { id: "with blank ", owner: "ann" } } }], /visible ASCII/);
  await refused([{ kind: { case: "profile", value: { account: "ann", avatar: "javascript:1" } } }], /http or https/);
  const view = (value: object): WireRecord => ({ kind: { case: "conversation", value: { account: "ann", ...value } } });
  await refused([view({})], /one of peer and group/);
  await refused([view({ peer: "bob", group: "g1" })], /one of peer and group/);
  await refused([view({ peer: "a,b" })], /peer must be the name/);
  await refused([view({ peer: "bob", readTo: -1n })], /ids are not negative/);
  await refused([view({ group: "g1", pinned: true })], /g1 has no record/);
  const own = (value: object): WireRecord => ({ kind: { case: "account", value: { account: "ann", ...value } } });
  await refused([own({ blocked: ["bob", "a,b"] })], /blocked must be the name/);
  await refused([own({ blocked: ["ann"] })], /no account blocks itself/);
  await refused([own({ write: 7 })], /write must be 0 to 2: everybody, conversations, nobody/);
  await refused([own({ blocked: Array.from({ length: 10_001 }, (_, at) => `b${at}`) })], /at most 10000 items/);
  const code = "a".repeat(22);
  const behind = (kind: NonNullable<WireRecord["kind"]>): WireRecord[] => [good, { kind }];
  const invited = { group: "g1", code, account: "ann", expiresAt: 5n };
  await refused(behind({ case: "pin", value: { account: "a,b", messageId: 5n } }), /pin.account must be the name/);
  await refused(behind({ case: "pin", value: { account: "ann" } }), /pin.messageId must be the id/);
  await refused(behind({ case: "invitation", value: { ...invited, code: "a".repeat(21) } }), /code must be 22 to 64/);
  await refused(behind({ case: "invitation", value: { ...invited, code: `${code}@b` } }), /code must be 22 to 64/);
  await refused(behind({ case: "invitation", value: { ...invited, usesLeft: 100_001 } }), /usesLeft is at most/);
  await refused(behind({ case: "invitation", value: invited }), /g1 has no record/);
  const asked = { group: "g1", account: "eve", text: "x".repeat(513), time: 5n };
  await refused(behind({ case: "joinRequest", value: asked }), /text has at most 512 bytes/);
  const many = Array.from({ length: 1_001 }, () => good);
  await refused(many, /at most 1000 items/);
  expect(await exported({ app: "fourth" })).toEqual([]);
  const named = (change: object) => failure(messages.import({ app: "fourth", name: "x", records: [good], ...change }));
  expect(await named({ name: "" })).toMatchObject({ code: Code.InvalidArgument });
  expect(await named({ cursor: "5" })).toMatchObject({ code: Code.Aborted, sentence: expect.stringContaining('""') });
});

test("a page of an import has a bounded number of reactions and mentions, as one message has at most", async () => {
  const reactions = (count: number) =>
    Array.from({ length: count }, (_, at) => ({ account: `a${at % 100}`, reaction: `${Math.floor(at / 100)}` }));
  const messages = stage.messages("everyApp");
  const page = { app: "reactions", name: "n" };
  const mentions = Array.from({ length: 50 }, (_, at) => `b${at}`);
  const most = message("most", { reactions: reactions(10_000), mentions });
  const one = message("one", { reactions: reactions(1) });
  expect(await failure(messages.import({ ...page, records: [most, one] }))).toEqual({
    code: Code.InvalidArgument,
    sentence: "the records of a page have at most 10050 reactions, mentions and blocked accounts together, not 10051",
  });
  expect(await messages.import({ ...page, records: [most] })).toMatchObject({ stored: 1n });
  expect(await messages.import({ ...page, cursor: "1", records: [one] })).toMatchObject({ stored: 2n });
});

test("an app that somebody uses takes no import", async () => {
  await stage.messages("everyApp").send({ app: "fifth", to: "bob", body: "hi" });
  const refused = await failure(
    stage.messages("everyApp").import({ app: "fifth", name: "x", records: [message("a")] }),
  );
  expect(refused).toMatchObject({ code: Code.FailedPrecondition, sentence: expect.stringContaining("is live") });
});

test("an import keeps roles, aliases and leavings of members", async () => {
  const value = (change: object): WireRecord => ({
    kind: { case: "member", value: { group: "g1", account: "bob", joinTime: 5n, ...change } },
  });
  const records: WireRecord[] = [
    { kind: { case: "group", value: { id: "g1", name: "One", owner: "ann", createdAt: 4n } } },
    value({ account: "ann", role: Role.owner }),
    value({ role: Role.admin, alias: "Bobby" }),
    message("before", { account: "", group: "g1" }),
    value({ leaveTime: 9n }),
    message("after", { account: "", group: "g1" }),
  ];
  const messages = stage.messages("everyApp");
  expect(await messages.import({ app: "sixth", name: "x", records })).toMatchObject({ stored: 6n });
  const bodies = async (account: string) =>
    (await messages.history({ app: "sixth", account, group: "g1" })).messages.map(({ body }) => body);
  expect(await bodies("ann")).toEqual(["before", "after"]);
  expect(await bodies("bob")).toEqual(["before"]);
});

test("an app has a retention of its own", async () => {
  const admin = createClient(Admin, stage.transport("everyApp"));
  expect(await admin.getRetention({ app: "seventh" })).toMatchObject({ days: 0, watermarkId: 0n });
  expect(await admin.setRetention({ app: "seventh", days: 30 })).toMatchObject({ days: 30, watermarkId: 0n });
  expect(await admin.getRetention({ app: "seventh" })).toMatchObject({ days: 30 });
  expect(await admin.getRetention({ app: "eighth" })).toMatchObject({ days: 0 });
  expect(await failure(admin.setRetention({ app: "seventh", days: 36_501 }))).toMatchObject({
    code: Code.InvalidArgument,
  });
  const other = createClient(Admin, stage.transport("reader"));
  expect(await failure(other.getRetention({}))).toMatchObject({ code: Code.PermissionDenied });
});

test("the data of an account is deleted by an operation that tells how far it is", async () => {
  await stage.messages().send({ sender: "eve", to: "bob", body: "secret" });
  const begun = await accounts().deleteData({ account: "eve" });
  expect(begun).toMatchObject({ kind: "delete-data", account: "eve", error: "" });
  for (;;) {
    const { state, done, endedAt } = await accounts().getOperation({ id: begun.id });
    if (state === "running") await Bun.sleep(5);
    else {
      expect({ state, isEnded: endedAt >= begun.startedAt, hasDone: done > 0n }).toEqual({
        state: "done",
        isEnded: true,
        hasDone: true,
      });
      break;
    }
  }
  expect(await failure(accounts().deleteData({ account: "eve" }))).toMatchObject({ code: Code.NotFound });
  expect(await failure(accounts("other").getOperation({ id: begun.id }))).toMatchObject({ code: Code.NotFound });
  expect(await failure(accounts("sender").deleteData({ account: "bob" }))).toMatchObject({
    code: Code.PermissionDenied,
    sentence: expect.stringContaining("accounts:delete"),
  });
  expect(await failure(accounts().deleteData({ account: "@system" }))).toMatchObject({ code: Code.InvalidArgument });
  await stage.messages("everyApp").import({ app: "half", name: "n", records: [message("x")] });
  expect(await failure(accounts("everyApp").deleteData({ app: "half", account: "ann" }))).toEqual({
    code: Code.FailedPrecondition,
    sentence: expect.stringContaining("end the import with last"),
  });
  const records = [];
  for await (const record of stage.messages().export({ account: "bob" })) records.push(record);
  expect(JSON.stringify(records, (_, value) => (typeof value === "bigint" ? `${value}` : value))).not.toContain(
    "secret",
  );
});

test("a key has a few exports at a time, whose readers may be slow; one that ends makes room", async () => {
  await using small = await ApiStage.start();
  const sender = { sender: "ann", body: "x".repeat(8_000) };
  for (let made = 0; made < 40; made++)
    await small.messages().send({ ...sender, accounts: Array.from({ length: 100 }, (_, at) => `to${at}`) });
  const begin = () => {
    const ending = new AbortController();
    const records = small.messages().export({}, { signal: ending.signal })[Symbol.asyncIterator]();
    return { first: records.next(), ending };
  };
  const open = Array.from({ length: exportsPerKeyMax }, begin);
  for (const { first } of open) expect((await first).done).not.toBe(true);
  await expect(begin().first).rejects.toThrow("HTTP 429");
  open[0]?.ending.abort();
  let next = begin();
  while ((await next.first.catch(() => undefined)) === undefined) next = begin();
  for (const { ending } of [...open, next]) ending.abort();
  // What was read to its end is over, too.
  for (let done = 0; done < 2 * exportsPerKeyMax;) {
    const records = await Array.fromAsync(small.messages().export({ limit: 1 })).catch(() => []);
    done += records.length;
  }
});

// Every method of Messages, Conversations and Groups, by the clients that the package makes of proto/api.proto, with
// JSON and binary protobuf.

import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { GroupCreateReqSchema, MessagePushSchema, MessageReqSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";
import { Role } from "../../src/wire/gen/api_pb.ts";
import { ApiStage, type KeyName } from "./api-stage.ts";

const storePaths = temporaryPaths("roost-api-");
let stage: ApiStage;
beforeAll(async () => {
  stage = await ApiStage.start();
});
afterAll(() => stage.messenger.stop());

async function failure(work: Promise<unknown>): Promise<{ code: Code; sentence: string }> {
  try {
    await work;
  } catch (error) {
    const { code, rawMessage: sentence } = ConnectError.from(error);
    return { code, sentence };
  }
  throw new Error("it succeeded");
}

describe.each([
  { title: "binary protobuf", isBinary: true, who: "b" },
  { title: "JSON", isBinary: false, who: "j" },
])("in $title", ({ isBinary, who }) => {
  const alice = `alice-${who}`;
  const bob = `bob-${who}`;
  const carol = `carol-${who}`;
  const messages = (key: KeyName = "all") => stage.messages(key, isBinary);
  const groups = (key: KeyName = "all") => stage.groups(key, isBinary);
  const conversations = () => stage.conversations("all", isBinary);

  test("a message of the system arrives at once, is stored, and is read back", async () => {
    const client = await stage.messenger.client(bob);
    const { messageId, sendTime } = await messages().send({ to: bob, body: "your parcel is on its way" });
    expect(messageId).toBeGreaterThan(0n);
    expect(sendTime).toBeGreaterThan(0n);
    const [push] = await client.pushed("chat.user.talk", MessagePushSchema);
    expect(push).toMatchObject({ messageId, sendTime, sender: "@system", body: "your parcel is on its way" });
    const { messages: read } = await messages().history({ account: bob, peer: "@system" });
    expect(read.map(({ sender, type, body }) => ({ sender, type, body }))).toEqual([
      { sender: "@system", type: 1, body: "your parcel is on its way" },
    ]);
    const got = await messages().get({ messageIds: [messageId, 5n], account: bob });
    expect(got.messages.map(({ messageId: id, account }) => [id, account])).toEqual([[messageId, "@system"]]);
  });

  test("a message as an account is that account's, whose devices get it", async () => {
    const { messageId } = await messages().send({ sender: alice, to: bob, body: "as alice", type: 7, extra: "x" });
    const { messages: read } = await messages().history({ account: alice, peer: bob });
    expect(read).toMatchObject([{ messageId, sender: alice, body: "as alice", type: 7, extra: "x" }]);
    const edited = await messages().edit({ actor: alice, messageId, body: "edited" });
    expect(edited.entryId).toBeGreaterThan(messageId);
    expect((await messages().get({ messageIds: [messageId], account: bob })).messages).toMatchObject([
      { body: "edited", edited: true },
    ]);
    const recalled = await messages().recall({ actor: alice, messageId });
    expect((await messages().recall({ actor: alice, messageId })).entryId).toBe(recalled.entryId);
    expect((await failure(messages().edit({ actor: alice, messageId, body: "late" }))).code).toBe(Code.NotFound);
    expect((await failure(messages().edit({ actor: bob, messageId, body: "not his" }))).code).toBe(
      Code.PermissionDenied,
    );
  });

  test("a message to many has an answer for each, in their order; who is named twice receives it once", async () => {
    const accounts = [bob, "@system", carol, bob];
    const { results, messageId } = await messages().send({ accounts, body: "to many" });
    expect(messageId).toBe(0n);
    expect(results.map(({ account, code }) => [account, code])).toEqual([
      [bob, ""],
      ["@system", "permission_denied"],
      [carol, ""],
      [bob, ""],
    ]);
    expect(results[1]?.error).toContain("the system");
    expect(results[3]).toEqual(results[0]);
    const ids = results.flatMap(({ messageId: id }) => (id === 0n ? [] : [id]));
    expect(new Set(ids).size).toBe(2);
    const { messages: read } = await messages().history({ account: bob, peer: "@system" });
    expect(read.filter(({ body }) => body === "to many")).toHaveLength(1);
  });

  test("accounts that a request names twice become members once, and are removed once", async () => {
    const [amy, ben, dan, eva] = [`amy-${who}`, `ben-${who}`, `dan-${who}`, `eva-${who}`];
    const { group } = await groups().create({ name: "Twice", owner: amy, members: [ben, ben, amy, ben] });
    await groups().addMembers({ group, accounts: [dan, eva, dan, ben] });
    const namesOf = async () =>
      (await groups().listMembers({ group })).members.map(({ account }) => account).toSorted();
    expect(await namesOf()).toEqual([amy, ben, dan, eva]);
    await groups().removeMembers({ group, accounts: [dan, dan, eva] });
    expect(await namesOf()).toEqual([amy, ben]);
  });

  test("exactly one receiver of a kind is named", async () => {
    for (const wrong of [{ body: "x" }, { to: bob, group: "1" }, { to: bob, accounts: [bob] }])
      expect((await failure(messages().send(wrong))).code).toBe(Code.InvalidArgument);
  });

  test("conversations are listed, counted and marked as read", async () => {
    const reader = `reader-${who}`;
    const sent = await messages().send({ to: reader, body: "1" });
    await messages().send({ sender: alice, to: reader, body: "2" });
    const { conversations: listed, hasMore } = await conversations().list({ account: reader });
    expect(listed.map(({ account, unread }) => [account, unread])).toEqual([
      [alice, 1],
      ["@system", 1],
    ]);
    expect(hasMore).toBe(false);
    expect((await conversations().list({ account: reader, limit: 1 })).hasMore).toBe(true);
    await conversations().markRead({ account: reader, peer: "@system", messageId: sent.messageId });
    const { accounts } = await conversations().unread({ accounts: [reader, `nobody-${who}`] });
    expect(accounts).toMatchObject([
      { account: reader, unread: 1, conversations: 1, atLeast: false },
      { account: `nobody-${who}`, unread: 0, conversations: 0 },
    ]);
    const missing = conversations().markRead({ account: reader, peer: carol, messageId: 5n });
    expect((await failure(missing)).code).toBe(Code.NotFound);
  });

  test("a group is made and changed as an account", async () => {
    const { group } = await groups().create({ name: "Project", owner: alice, members: [bob], introduction: "of us" });
    const { groups: listed } = await groups().list({ account: bob });
    expect(listed).toMatchObject([{ id: group, name: "Project", owner: alice, memberCount: 2, role: Role.member }]);
    const changed = await groups().update({ actor: alice, group, name: "Project 2", closed: true });
    expect(changed.entryId).toBeGreaterThan(0n);
    const added = await groups().addMembers({ actor: alice, group, accounts: [carol, bob] });
    expect(added).toMatchObject({ leftOut: [], unwilling: [] });
    await groups().setRole({ actor: alice, group, account: bob, role: Role.admin });
    await groups().mute({ actor: bob, group, account: carol, until: 4_102_444_800n });
    const { code } = await failure(messages().send({ sender: carol, group, body: "muted" }));
    expect(code).toBe(Code.PermissionDenied);
    await groups().removeMembers({ actor: bob, group, accounts: [carol] });
    await groups().transfer({ actor: alice, group, account: bob });
    expect((await failure(groups().dismiss({ actor: alice, group }))).code).toBe(Code.PermissionDenied);
    await groups().dismiss({ actor: bob, group });
    expect((await groups().list({ account: bob })).groups).toEqual([]);
  });
});

test("the system does what an owner may in any group, and recalls any message", async () => {
  const { group } = await stage.groups().create({ name: "Theirs", owner: "olga", members: ["otto"] });
  const otto = await stage.messenger.client("otto");
  const { messageId } = await stage.messages().send({ group, body: "maintenance tonight", mentions: ["*"] });
  expect(await otto.pushed("chat.group.talk", MessagePushSchema)).toMatchObject([{ messageId, sender: "@system" }]);
  expect(await stage.groups().get({ group })).toMatchObject({ id: group, owner: "olga", memberCount: 2 });
  const { members } = await stage.groups().listMembers({ group, adminsOnly: true });
  expect(members).toMatchObject([{ account: "olga", role: Role.owner }]);
  await stage.groups().addMembers({ group, accounts: ["oleg"] });
  await stage.groups().transfer({ group, account: "oleg" });
  expect((await failure(stage.groups().removeMembers({ group, accounts: ["oleg"] }))).code).toBe(Code.PermissionDenied);
  await stage.groups().removeMembers({ group, accounts: ["olga"] });
  const rude = await stage.messages().send({ sender: "otto", group, body: "rude" });
  await stage.messages().recall({ messageId: rude.messageId });
  const { messages: read } = await stage.messages().history({ group });
  expect(read.map(({ body, recalled }) => [body, recalled])).toEqual([
    ["maintenance tonight", false],
    ["", true],
  ]);
  // Between two accounts both are told, as if the author had recalled it.
  const direct = await stage.messages().send({ sender: "olga", to: "otto", body: "rude, too" });
  await stage.messages().recall({ messageId: direct.messageId });
  const { messages: both } = await stage.messages().get({ messageIds: [rude.messageId, direct.messageId] });
  expect(both.map(({ sender, account, recalled }) => [sender, account, recalled])).toEqual([
    ["otto", "", true],
    ["olga", "otto", true],
  ]);
  expect((await failure(stage.messages("other").recall({ messageId: direct.messageId }))).code).toBe(Code.NotFound);
  await stage.groups().dismiss({ group });
  expect((await failure(stage.groups().get({ group }))).code).toBe(Code.NotFound);
});

test("nobody writes to the system, blocks it, adds it, makes it an owner, or signs in as it", async () => {
  const ann = await stage.messenger.client("ann-of-old");
  const talk = await ann.request("chat.user.talk", "@system", MessageReqSchema, { body: "hello?" });
  expect(talk.status).toBe(Status.Forbidden);
  const members = await ann.request("chat.group.create", "", GroupCreateReqSchema, { name: "x", members: ["@system"] });
  expect(members.status).toBe(Status.InvalidPacketBody);
  const owner = await failure(stage.groups().create({ owner: "@system", name: "x" }));
  expect([owner.code, owner.sentence]).toEqual([Code.InvalidArgument, expect.stringContaining("owner must be")]);
  await expect(stage.messenger.client("@system")).rejects.toThrow("sign-in refused");
});

test("with an Idempotency-Key a repetition stores nothing, and another request is refused", async () => {
  const again = { "idempotency-key": "order-17" };
  const client = stage.messages("all", false, again);
  const request = { accounts: ["ida", "ivo"], body: "once" };
  const first = await client.send(request);
  expect((await client.send(request)).results).toEqual(first.results);
  expect((await stage.messages().history({ account: "ida", peer: "@system" })).messages.length).toBe(1);
  expect((await failure(client.send({ ...request, body: "other" }))).code).toBe(Code.AlreadyExists);
  expect((await failure(client.send({ accounts: ["ida"], body: "once" }))).code).toBe(Code.AlreadyExists);
  const group = { name: "once", owner: "ida" };
  const made = await stage.groups("all", true, again).create(group);
  expect((await stage.groups("all", true, again).create(group)).group).toBe(made.group);
  const elsewhere = stage.groups("all", true, again).create({ ...group, name: "another" });
  expect((await failure(elsewhere)).code).toBe(Code.AlreadyExists);
  expect((await stage.groups().list({ account: "ida" })).groups.length).toBe(1);
  const toGroup = () => stage.messages("all", true, again).send({ group: made.group, body: "once" });
  expect((await failure(toGroup())).code).toBe(Code.AlreadyExists);
  const corrected = stage.messages("all", true, { "idempotency-key": "order-18" });
  expect((await failure(corrected.send({ group: "nowhere", body: "x" }))).code).toBe(Code.NotFound);
  expect((await corrected.send({ group: made.group, body: "x" })).messageId).toBeGreaterThan(0n);
  const wrong = stage.messages("all", true, { "idempotency-key": "two words" }).send({ to: "ida" });
  expect((await failure(wrong)).code).toBe(Code.InvalidArgument);
});

test("a repeated creation is answered as the first, whatever the group has become, until it has ended", async () => {
  const groups = stage.groups("all", false, { "idempotency-key": "order-22" });
  const request = { name: "before", owner: "pia", members: ["pit"] };
  const { group } = await groups.create(request);
  await stage.groups().update({ group, name: "after" });
  await stage.groups().transfer({ group, account: "pit" });
  await stage.groups().removeMembers({ group, accounts: ["pia"] });
  expect((await groups.create(request)).group).toBe(group);
  await stage.groups().dismiss({ group });
  const refused = await failure(groups.create(request));
  expect(refused).toMatchObject({ code: Code.FailedPrecondition });
  expect(refused.sentence).toContain("has ended");
  expect((await stage.groups().list({ account: "pia" })).groups).toEqual([]);
  const fresh = stage.groups("all", false, { "idempotency-key": "order-23" });
  expect((await fresh.create(request)).group).not.toBe(group);
});

test("of different requests with one Idempotency-Key at the same time one is served", async () => {
  const client = stage.groups("all", true, { "idempotency-key": "order-21" });
  const owners = ["una", "ugo", "udo"];
  const made = await Promise.allSettled(owners.map((owner) => client.create({ name: "race", owner })));
  expect(made.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected", "rejected"]);
});

test("a repetition after a restart is found by what was stored, and no client takes its clientId before", async () => {
  const storePath = storePaths();
  const again = { "idempotency-key": "order-19" };
  const request = { to: "ida", body: "once" };
  const { first, keys } = await (async () => {
    await using before = await ApiStage.start({ storePath });
    const client = await before.messenger.client("mallory");
    const taken = await client.request("chat.user.talk", "ida", MessageReqSchema, { body: "x", clientId: "api:1" });
    expect(taken.status).toBe(Status.InvalidPacketBody);
    return { first: await before.messages("all", true, again).send(request), keys: before.keys };
  })();
  await using after = await ApiStage.start({ storePath }, keys);
  const repeated = await after.messages("all", true, again).send(request);
  expect(repeated.messageId).toBe(first.messageId);
});

test("another body after a restart is refused by what was stored", async () => {
  const storePath = storePaths();
  const again = { "idempotency-key": "order-20" };
  const { made, keys } = await (async () => {
    await using before = await ApiStage.start({ storePath });
    await before.messages("all", true, again).send({ to: "ida", body: "once" });
    const group = await before.groups("all", true, again).create({ name: "once", owner: "ida" });
    await before.groups().update({ group: group.group, name: "renamed" });
    return { made: group, keys: before.keys };
  })();
  await using after = await ApiStage.start({ storePath }, keys);
  const message = after.messages("all", true, again).send({ to: "ida", body: "another" });
  expect((await failure(message)).code).toBe(Code.AlreadyExists);
  expect((await after.groups("all", true, again).create({ name: "once", owner: "ida" })).group).toBe(made.group);
  const group = after.groups("all", true, again).create({ name: "renamed", owner: "ida" });
  await expect(failure(group)).resolves.toMatchObject({ code: Code.AlreadyExists });
});

test("after a day a key makes another group, and its repetition that one", async () => {
  const storePath = storePaths();
  const again = { "idempotency-key": "daily" };
  const request = { name: "of the day", owner: "ida" };
  const { first, keys } = await (async () => {
    await using before = await ApiStage.start({ storePath });
    return { first: await before.groups("all", true, again).create(request), keys: before.keys };
  })();
  using file = new Database(storePath);
  file.run('UPDATE "group" SET created_ms = created_ms - 24 * 3600 * 1000');
  file.close();
  await using after = await ApiStage.start({ storePath }, keys);
  const second = await after.groups("all", true, again).create(request);
  expect(second.group).not.toBe(first.group);
  expect((await after.groups("all", true, again).create(request)).group).toBe(second.group);
  expect((await after.groups().list({ account: "ida" })).groups.length).toBe(2);
});

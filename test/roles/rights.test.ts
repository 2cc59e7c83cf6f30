// Who may do what: decided by the session, never by what a body or a header claims.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { fromBinary } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import {
  GroupCreateReqSchema,
  GroupCreateRespSchema,
  GroupGetReqSchema,
  GroupGetRespSchema,
  GroupJoinReqSchema,
  GroupQuitReqSchema,
  LoginReqSchema,
  MessagePushSchema,
  MessageReqSchema,
  MetaType,
  SessionSchema,
  Status,
  type GroupGetResp,
} from "../../src/wire/gen/pkt_pb.ts";
import { create, toBinary } from "@bufbuild/protobuf";
import { createGroup, groupTalk, readContents, readIndex, succeeded, talk } from "../support/commands.ts";
import { Messenger } from "../support/messenger.ts";
import type { WireClient } from "../support/wire-client.ts";

let messenger: Messenger;
beforeAll(async () => {
  messenger = await Messenger.start();
});
afterAll(() => messenger.stop());

async function detail(client: WireClient, groupId: string): Promise<GroupGetResp> {
  const answer = await client.request(Command.GroupDetail, "", GroupGetReqSchema, { groupId });
  return fromBinary(GroupGetRespSchema, succeeded(answer).body);
}

test("content of strangers' messages is left out, whatever ids are asked for", async () => {
  const [alice, eve, namesake] = await Promise.all([
    messenger.client("ra1"),
    messenger.client("re1"),
    messenger.client("rb1", { app: "other" }),
  ]);
  const { messageId } = await talk(alice, "rb1", "private");
  const around = Array.from({ length: 50 }, (_, step) => messageId + BigInt(step - 25));
  expect(await readContents(eve, around)).toEqual([]);
  expect(await readContents(namesake, around)).toEqual([]);
  expect((await readContents(alice, around)).map(({ body }) => body)).toEqual(["private"]);
});

test("a stranger can neither talk in a group nor read or list it", async () => {
  const [owner, eve] = await Promise.all([messenger.client("ro2"), messenger.client("re2")]);
  const group = await createGroup(owner, []);
  const { messageId } = await groupTalk(owner, group, "inside");
  expect((await eve.request(Command.GroupTalk, group, MessageReqSchema, { body: "x" })).status).toBe(Status.Forbidden);
  expect((await eve.request(Command.GroupDetail, "", GroupGetReqSchema, { groupId: group })).status).toBe(
    Status.Forbidden,
  );
  expect((await eve.request(Command.GroupMembers, "", GroupGetReqSchema, { groupId: group })).status).toBe(
    Status.Forbidden,
  );
  expect(await readContents(eve, [messageId])).toEqual([]);
});

test("nobody joins or quits for another, and an empty account or group changes nothing", async () => {
  const [owner, eve] = await Promise.all([messenger.client("ro3"), messenger.client("re3")]);
  const group = await createGroup(owner, ["rm3"]);
  const bad: [string, { account: string; groupId: string }, Status][] = [
    [Command.GroupQuit, { account: "", groupId: group }, Status.InvalidPacketBody],
    [Command.GroupQuit, { account: "ro3", groupId: "" }, Status.InvalidPacketBody],
    [Command.GroupQuit, { account: "", groupId: "" }, Status.InvalidPacketBody],
    [Command.GroupJoin, { account: "", groupId: group }, Status.InvalidPacketBody],
    [Command.GroupQuit, { account: "rm3", groupId: group }, Status.Forbidden],
    [Command.GroupJoin, { account: "rx3", groupId: group }, Status.Forbidden],
  ];
  for (const [command, init, status] of bad) {
    expect((await eve.request(command, "", GroupJoinReqSchema, init)).status).toBe(status);
  }
  expect((await detail(owner, group)).members.map(({ account }) => account)).toEqual(["ro3", "rm3"]);
});

test("the sender owns the group that it creates, whatever owner the request names", async () => {
  const owner = await messenger.client("ro4");
  const answer = await owner.request(Command.GroupCreate, "", GroupCreateReqSchema, {
    name: "mine",
    owner: "somebody",
    members: ["rm4", "rm4", "ro4"],
  });
  const { groupId } = fromBinary(GroupCreateRespSchema, succeeded(answer).body);
  expect(groupId).toMatch(/^[0-9A-Za-z]{20,22}$/);
  const group = await detail(owner, groupId);
  expect(group.owner).toBe("ro4");
  expect(group.members.map(({ account }) => account)).toEqual(["ro4", "rm4"]);
});

test("the owner's leaving hands the group on, and the last one's closes it", async () => {
  const [owner, heir] = await Promise.all([messenger.client("ro5"), messenger.client("rh5")]);
  const group = await createGroup(owner, ["rh5"]);
  await groupTalk(owner, group, "read me later");
  succeeded(await owner.request(Command.GroupQuit, "", GroupQuitReqSchema, { account: "ro5", groupId: group }));
  expect((await detail(heir, group)).owner).toBe("rh5");
  succeeded(await heir.request(Command.GroupQuit, "", GroupQuitReqSchema, { account: "rh5", groupId: group }));
  const back = await heir.request(Command.GroupJoin, "", GroupJoinReqSchema, { account: "rh5", groupId: group });
  expect(back.status).toBe(Status.NotFound);
  const [entry] = await readIndex(heir);
  expect((await readContents(heir, [entry?.messageId ?? 0n]))[0]?.body).toBe("read me later");
});

test("ten thousand members are taken and one more is refused", async () => {
  const owner = await messenger.client("ro6");
  const members = Array.from({ length: 10_000 }, (_, index) => `many${index}`);
  const group = await createGroup(owner, members);
  expect((await detail(owner, group)).members).toHaveLength(10_001);
  const tooMany = await owner.request(Command.GroupCreate, "", GroupCreateReqSchema, {
    name: "too many",
    members: [...members, "one more"],
  });
  expect(tooMany.status).toBe(Status.PayloadTooLarge);
});

test("a closed group takes strangers only from its owner", async () => {
  const [owner, eve] = await Promise.all([messenger.client("ro7"), messenger.client("re7")]);
  const group = await createGroup(owner, [], true);
  const join = { account: "re7", groupId: group };
  expect((await eve.request(Command.GroupJoin, "", GroupJoinReqSchema, join)).status).toBe(Status.Forbidden);
  succeeded(await owner.request(Command.GroupJoin, "", GroupJoinReqSchema, join));
  await groupTalk(eve, group, "let in");
});

test("one name in two apps is two people", async () => {
  const [one, two, sender] = await Promise.all([
    messenger.client("same", { app: "app1" }),
    messenger.client("same", { app: "app2" }),
    messenger.client("sender", { app: "app1" }),
  ]);
  await talk(sender, "same", "for app1");
  expect((await one.pushed(Command.UserTalk, MessagePushSchema))[0]?.body).toBe("for app1");
  expect(await readIndex(two)).toEqual([]);
  expect(two.pushes).toHaveLength(0);
  const group = await createGroup(sender, ["same"]);
  expect((await two.request(Command.GroupDetail, "", GroupGetReqSchema, { groupId: group })).status).toBe(
    Status.NotFound,
  );
});

test("apps, accounts and devices made of separators never meet", async () => {
  const names = ["a:b", "a|b", "a/b", "a_b", "a", "b", ":", "|", "_", "a:b:c"];
  const clients = await Promise.all(
    names.flatMap((app) =>
      names.map(async (account) => ({ app, account, client: await messenger.client(account, { app, device: app }) })),
    ),
  );
  for (const { app, account, client } of clients) await talk(client, account, `${app} ${account}`);
  for (const { app, account, client } of clients) {
    const index = await readIndex(client);
    expect(
      await readContents(
        client,
        index.map(({ messageId }) => messageId),
      ),
    ).toMatchObject([{ body: `${app} ${account}` }]);
  }
});

test("reserved metas and a channelId of the client's own are dropped: the token decides", async () => {
  const victim = await messenger.client("victim10");
  const eve = await messenger.stranger();
  const meta = [
    { key: "app", value: "app", type: MetaType.string },
    { key: "account", value: "victim10", type: MetaType.string },
    { key: "dest.server", value: "test-chat", type: MetaType.int },
    { key: "dest.channels", value: victim.channelId, type: MetaType.string },
  ];
  const signedIn = eve.expect(7, "the sign-in");
  const token = await messenger.token("eve10");
  const body = toBinary(LoginReqSchema, create(LoginReqSchema, { token }));
  eve.send({ command: Command.SignIn, sequence: 7, channelId: victim.channelId, meta }, body);
  expect(succeeded(await signedIn).header.channelId).toContain("eve10");
  const talked = eve.expect(8, "the talk");
  const message = toBinary(MessageReqSchema, create(MessageReqSchema, { body: "from eve" }));
  eve.send(
    { command: Command.UserTalk, dest: "victim10", sequence: 8, channelId: victim.channelId, meta, ticket: 9 },
    message,
  );
  succeeded(await talked);
  expect((await victim.pushed(Command.UserTalk, MessagePushSchema))[0]).toMatchObject({
    sender: "eve10",
    body: "from eve",
  });
});

test("a signed-in client moves nobody's session by login commands", async () => {
  const [victim, eve] = await Promise.all([messenger.client("victim11"), messenger.client("eve11")]);
  const session = { account: "victim11", app: "app", channelId: eve.channelId, gateId: "test-gateway" };
  expect((await eve.request(Command.SignIn, "", SessionSchema, session)).status).toBe(Status.InvalidCommand);
  expect((await eve.request(Command.SignOut, "", SessionSchema, session)).status).toBe(Status.InvalidCommand);
  await talk(eve, "victim11", "still yours");
  expect((await victim.pushed(Command.UserTalk, MessagePushSchema))[0]?.body).toBe("still yours");
});

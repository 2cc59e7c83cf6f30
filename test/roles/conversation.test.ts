// Two people and a group, over real sockets: what a messenger is for.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { fromBinary } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import {
  GroupCreateNotifySchema,
  GroupGetReqSchema,
  GroupGetRespSchema,
  GroupJoinNotifySchema,
  GroupJoinReqSchema,
  GroupQuitNotifySchema,
  GroupQuitReqSchema,
  MessageAckReqSchema,
  MessagePushSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { BasicCode, basicPing, decodePacket } from "../../src/wire/packet.ts";
import { createGroup, groupTalk, readContents, readIndex, succeeded, talk } from "../support/commands.ts";
import { Messenger } from "../support/messenger.ts";
import { frameOf } from "../support/wire-client.ts";

let messenger: Messenger;
beforeAll(async () => {
  messenger = await Messenger.start();
});
afterAll(() => messenger.stop());

test("the answer to the sign-in is the first packet and names the connection", async () => {
  const alice = await messenger.client("first-alice");
  const first = decodePacket(alice.payloads[0] ?? Buffer.alloc(0));
  expect(first.kind).toBe("logic");
  expect(alice.channelId).toContain("first-alice");
  alice.terminate();
});

test("a message reaches an online receiver once, without routing metas, and the sender does not get it", async () => {
  const [alice, bob] = await Promise.all([messenger.client("a1"), messenger.client("b1")]);
  const { messageId, sendTime } = await talk(alice, "b1", "hello, wörld 🙂");
  const [push] = await bob.pushed(Command.UserTalk, MessagePushSchema);
  expect(push).toMatchObject({ messageId, sendTime, type: 1, body: "hello, wörld 🙂", sender: "a1", previousId: 0n });
  expect(bob.pushes[0]?.header).toMatchObject({ dest: "b1", meta: [], ticket: 0 });
  const second = await talk(alice, "b1", "again");
  const pushes = await bob.pushed(Command.UserTalk, MessagePushSchema, 2);
  expect(pushes[1]?.previousId).toBe(messageId);
  expect(second.messageId).toBeGreaterThan(messageId);
  expect(alice.pushes).toHaveLength(0);
});

test("an absent receiver finds index, content and cursor", async () => {
  const alice = await messenger.client("a2");
  const ids: bigint[] = [];
  for (const body of ["one", "two", "three"]) ids.push((await talk(alice, "b2", body)).messageId);
  const bob = await messenger.client("b2");
  const index = await readIndex(bob);
  expect(index.map((entry) => entry.messageId)).toEqual(ids);
  expect(index[0]).toMatchObject({ direction: 0, accountB: "a2", group: "" });
  const reversed = ids.toReversed();
  expect((await readContents(bob, reversed)).map(({ body }) => body)).toEqual(["three", "two", "one"]);
  succeeded(await bob.request(Command.TalkAck, "", MessageAckReqSchema, { messageId: ids[1] ?? 0n }));
  expect((await readIndex(bob)).map((entry) => entry.messageId)).toEqual([ids[2] ?? 0n]);
  expect((await readIndex(alice, 1n, true)).map(({ direction, accountB }) => [direction, accountB])).toEqual([
    [1, "b2"],
    [1, "b2"],
    [1, "b2"],
  ]);
});

test("a group: created, talked in, joined, quit, with notices to those online", async () => {
  const [owner, member, stranger] = await Promise.all(["o3", "m3", "s3"].map((name) => messenger.client(name)));
  if (owner === undefined || member === undefined || stranger === undefined) throw new Error("three clients");
  const group = await createGroup(owner, ["m3", "away3", "m3", "o3"]);
  const [created] = await member.pushed(Command.GroupCreate, GroupCreateNotifySchema);
  expect(created).toMatchObject({ groupId: group, members: ["o3", "m3", "away3"] });
  const { messageId } = await groupTalk(owner, group, "to all");
  expect((await member.pushed(Command.GroupTalk, MessagePushSchema))[0]).toMatchObject({ messageId, sender: "o3" });
  expect(member.pushes.at(-1)?.header.dest).toBe(group);

  succeeded(await stranger.request(Command.GroupJoin, "", GroupJoinReqSchema, { account: "s3", groupId: group }));
  expect((await owner.pushed(Command.GroupJoin, GroupJoinNotifySchema))[0]).toMatchObject({
    groupId: group,
    account: "s3",
  });
  await groupTalk(stranger, group, "me too");
  expect((await member.pushed(Command.GroupTalk, MessagePushSchema, 2))[1]).toMatchObject({ previousId: messageId });

  succeeded(await member.request(Command.GroupQuit, "", GroupQuitReqSchema, { account: "m3", groupId: group }));
  expect((await owner.pushed(Command.GroupQuit, GroupQuitNotifySchema))[0]).toMatchObject({ account: "m3" });
  await groupTalk(owner, group, "without m3");
  // Once more, as a client does that did not get the answer: no receiver gets it again.
  succeeded(await member.request(Command.GroupQuit, "", GroupQuitReqSchema, { account: "m3", groupId: group }));
  await stranger.pushed(Command.GroupTalk, MessagePushSchema, 1);
  expect(owner.pushes.filter(({ header }) => header.command === Command.GroupQuit)).toHaveLength(1);
  expect(member.pushes.filter(({ header }) => header.command === Command.GroupTalk)).toHaveLength(2);

  const detail = await owner.request(Command.GroupMembers, "", GroupGetReqSchema, { groupId: group });
  const { members } = fromBinary(GroupGetRespSchema, succeeded(detail).body);
  expect(members.map(({ account }) => account)).toEqual(["o3", "away3", "s3"]);
  expect((await readIndex(await messenger.client("away3"))).map((entry) => entry.group)).toEqual([group, group, group]);
});

test("a message goes to every device of the receiver and to the sender's other devices", async () => {
  const [phone, desk, bob1, bob2] = await Promise.all([
    messenger.client("a4", { device: "phone" }),
    messenger.client("a4", { device: "desk" }),
    messenger.client("b4", { device: "phone" }),
    messenger.client("b4", { device: "desk" }),
  ]);
  await talk(phone, "b4", "everywhere");
  for (const client of [desk, bob1, bob2]) {
    expect((await client.pushed(Command.UserTalk, MessagePushSchema))[0]?.body).toBe("everywhere");
  }
  expect(phone.pushes).toHaveLength(0);
});

test("a basic ping is answered by a basic pong", async () => {
  const alice = await messenger.client("a5");
  alice.write(frameOf(basicPing));
  await talk(alice, "b5", "after the ping");
  const kinds = alice.payloads.map((payload) => decodePacket(payload));
  expect(kinds.some((packet) => packet.kind === "basic" && packet.code === BasicCode.Pong)).toBe(true);
});

test("every refused request has a status and a sentence", async () => {
  const alice = await messenger.client("a6");
  const unparsable = Buffer.from([0x0a, 0x7f]);
  const cases: [string, string, Uint8Array, Status][] = [
    ["nodot", "", unparsable, Status.NotImplemented],
    ["unknown.service", "", unparsable, Status.NotImplemented],
    ["chat.unknown", "", unparsable, Status.NotImplemented],
    ["", "", unparsable, Status.NotImplemented],
    [".x", "", unparsable, Status.NotImplemented],
    ["login.signin", "", unparsable, Status.InvalidCommand],
    [Command.UserTalk, "b6", unparsable, Status.InvalidPacketBody],
    [Command.UserTalk, "", new Uint8Array(0), Status.NoDestination],
    [Command.GroupTalk, "", new Uint8Array(0), Status.NoDestination],
    [Command.GroupTalk, "no such group", new Uint8Array(0), Status.NotFound],
    [Command.OfflineIndex, "", unparsable, Status.InvalidPacketBody],
  ];
  for (const [command, dest, body, status] of cases) {
    const answer = await alice.requestBytes(command, dest, body);
    expect([command, answer.status]).toEqual([command, status]);
    expect(answer.body.length).toBeGreaterThan(2);
  }
  await talk(alice, "b6", "still alive");
});

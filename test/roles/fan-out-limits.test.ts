// What one account may cause at others, asked of a whole messenger.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { Command } from "../../src/wire/commands.ts";
import {
  GroupCreateReqSchema,
  GroupGetReqSchema,
  GroupJoinNotifySchema,
  GroupJoinReqSchema,
  GroupQuitReqSchema,
  MessagePushSchema,
  MessageReqSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { createGroup, groupTalk, readContents, readIndex, succeeded, talk } from "../support/commands.ts";
import { testLimits } from "../support/limits.ts";
import { Messenger } from "../support/messenger.ts";
import type { WireClient } from "../support/wire-client.ts";

const limits = testLimits({ fanOutAtOnce: 60, fanOutPerSecond: 10 });
let messenger: Messenger;
beforeAll(async () => {
  messenger = await Messenger.start({ limits });
});
afterAll(() => messenger.stop());

/** Members that are online. */
async function groupOf(owner: WireClient, name: string, size: number) {
  const accounts = Array.from({ length: size }, (_, at) => `${name}-${at}`);
  const members = await Promise.all(accounts.map((account) => messenger.client(account)));
  const group = await createGroup(owner, accounts);
  return { group, members };
}

test("talks beyond an account's allowance are refused and not stored; every other one is pushed", async () => {
  const owner = await messenger.client("l-owner");
  const { group, members } = await groupOf(owner, "l-member", 10);
  await groupTalk(owner, group, "first");
  // From then on it is known how many it reaches.
  for (const member of members) await member.pushed(Command.GroupTalk, MessagePushSchema);
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, number) =>
      owner.request(Command.GroupTalk, group, MessageReqSchema, { type: 1, body: `${number}` }),
    ),
  );
  const stored = answers.filter(({ status }) => status === Status.Success).length;
  expect(stored).toBeLessThan(10);
  expect(stored).toBeGreaterThan(0);
  expect(answers.filter(({ status }) => status === Status.RateLimited)).toHaveLength(30 - stored);
  for (const member of members) {
    const pushes = await member.pushed(Command.GroupTalk, MessagePushSchema, stored + 1);
    const index = await readIndex(member);
    expect(index).toHaveLength(stored + 1);
    const contents = await readContents(
      member,
      index.map(({ messageId }) => messageId),
    );
    expect(pushes.map(({ body }) => body)).toEqual(contents.map(({ body }) => body));
  }
  // The others are as free as they were.
  const [other] = members;
  if (other === undefined) throw new Error("there are members");
  await groupTalk(other, group, "mine");
  expect(limits.reached.get("fanOutPerSecond")).toBe(30 - stored);
});

test("who joins and leaves in turns pays as one who talks, and is refused before the group changes", async () => {
  const owner = await messenger.client("j-owner");
  const { group } = await groupOf(owner, "j-member", 10);
  const stranger = await messenger.client("j-stranger");
  const account = "j-stranger";
  // What it may cause is used up by something else.
  const { group: own, members: friends } = await groupOf(stranger, "j-friend", 10);
  await groupTalk(stranger, own, "first");
  for (const friend of friends) await friend.pushed(Command.GroupTalk, MessagePushSchema);
  for (let sent = 0; sent < 10; sent++)
    await stranger.request(Command.GroupTalk, own, MessageReqSchema, { type: 1, body: "junk" });
  const join = await stranger.request(Command.GroupJoin, "", GroupJoinReqSchema, { account, groupId: group });
  expect(join.status).toBe(Status.RateLimited);
  const talked = await stranger.request(Command.GroupTalk, group, MessageReqSchema, { type: 1, body: "am I in?" });
  expect(talked.status).toBe(Status.RateLimited);
  const detail = await stranger.request(Command.GroupDetail, "", GroupGetReqSchema, { groupId: group });
  expect(detail.status).toBe(Status.Forbidden);
});

test("a talk to an account with many devices is paid for, too", async () => {
  const sender = await messenger.client("d-sender");
  await Promise.all(
    Array.from({ length: 12 }, (_, device) => messenger.client("d-receiver", { device: `device-${device}` })),
  );
  const statuses: Status[] = [];
  for (let sent = 0; sent < 20; sent++) {
    const answer = await sender.request(Command.UserTalk, "d-receiver", MessageReqSchema, { type: 1, body: "x" });
    statuses.push(answer.status);
  }
  expect(statuses.slice(0, 4)).toEqual([Status.Success, Status.Success, Status.Success, Status.Success]);
  expect(statuses).toContain(Status.RateLimited);
});

test("talks to one device never run out", async () => {
  const [sender] = await Promise.all([messenger.client("o-sender"), messenger.client("o-receiver")]);
  await Promise.all(Array.from({ length: 500 }, (_, number) => talk(sender, "o-receiver", `${number}`)));
});

test("a bot that says a hundred messages a second to a group of a hundred is never refused", async () => {
  const usual = await Messenger.start();
  try {
    const bot = await usual.client("bot");
    const accounts = Array.from({ length: 100 }, (_, at) => `b-${at}`);
    const members = await Promise.all(accounts.map((account) => usual.client(account)));
    const group = await createGroup(bot, accounts);
    for (let sent = 0; sent < 200; sent += 20)
      await Promise.all(Array.from({ length: 20 }, (_, number) => groupTalk(bot, group, `${sent + number}`)));
    for (const member of members)
      expect(await member.pushed(Command.GroupTalk, MessagePushSchema, 200)).toHaveLength(200);
    succeeded(await bot.request(Command.GroupJoin, "", GroupJoinReqSchema, { account: "late", groupId: group }));
    const [first] = members;
    expect(await first?.pushed(Command.GroupJoin, GroupJoinNotifySchema)).toMatchObject([{ account: "late" }]);
  } finally {
    await usual.stop();
  }
});

test("while too much waits to be delivered no group is changed either, and talks to one go on", async () => {
  const full = await Messenger.start({ limits: testLimits({ fanOutBytes: 0 }) });
  try {
    const client = await full.client("f-owner");
    const account = "f-owner";
    const answers = [
      await client.request(Command.GroupCreate, "", GroupCreateReqSchema, { name: "g", members: ["f-other"] }),
      await client.request(Command.GroupJoin, "", GroupJoinReqSchema, { account, groupId: "g" }),
      await client.request(Command.GroupQuit, "", GroupQuitReqSchema, { account, groupId: "g" }),
    ];
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => Status.ServiceUnavailable));
    await talk(client, "f-other", "hello");
  } finally {
    await full.stop();
  }
});

// Clients of the first versions of the protocol in groups that clients with the feature `conversations` run, against
// the executable: they are notified of whoever comes and goes, by whatever command, as before; groups look to them as
// before, byte for byte; and what is refused is refused with the former sentence.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import {
  BlockReqSchema,
  GroupAddReqSchema,
  GroupAliasReqSchema,
  GroupAnswerReqSchema,
  GroupDismissReqSchema,
  GroupGetReqSchema,
  GroupGetRespSchema,
  GroupInviteReqSchema,
  GroupJoinNotifySchema,
  GroupJoinReqSchema,
  GroupMuteReqSchema,
  GroupPinReqSchema,
  GroupQuitNotifySchema,
  GroupQuitReqSchema,
  GroupRemoveReqSchema,
  GroupRequestReqSchema,
  GroupRole,
  GroupRoleReqSchema,
  GroupTransferReqSchema,
  GroupUpdateReqSchema,
  InvitationSchema,
  LoginReqSchema,
  MessageReqSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { ServerProcess, run } from "../../scripts/harness/server-process.ts";
import { ask, asked, createGroup, groupTalk, succeeded } from "../support/commands.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { sentenceOf, WireClient } from "../support/wire-client.ts";

const folder = temporaryFolder("former-members-");
const notYours = "only the account itself or the group's owner may do this";
/** Notices of one account come at most once a second. */
const noticeMs = 1_100;
let server: ServerProcess;
/** Ann and bob have the feature; old and elder have not. */
let ann: WireClient;
let bob: WireClient;
let old: WireClient;
let elder: WireClient;

beforeAll(async () => {
  server = await ServerProcess.start(folder);
  [ann, bob] = [await person("ann", ["conversations"]), await person("bob", ["conversations"])];
  [old, elder] = [await person("old", []), await person("elder", [])];
}, 60_000);
afterAll(() => server.end("SIGKILL"));

async function person(account: string, features: string[]): Promise<WireClient> {
  const { out } = await run(["token", "--account", account], folder);
  const client = await WireClient.connect(server.tcp.replace("tcp://", ""));
  succeeded(await client.request(Command.SignIn, "", LoginReqSchema, { token: out.trim(), features }));
  return client;
}

/** What a client was notified of, `+` an account that joined, `-` one that left. */
async function noticesOf(client: WireClient, group: string): Promise<string[]> {
  await Bun.sleep(noticeMs);
  const joins = await client.pushed(Command.GroupJoin, GroupJoinNotifySchema, 0);
  const quits = await client.pushed(Command.GroupQuit, GroupQuitNotifySchema, 0);
  return [
    ...joins.filter(({ groupId }) => groupId === group).map(({ account }) => `+${account}`),
    ...quits.filter(({ groupId }) => groupId === group).map(({ account }) => `-${account}`),
  ];
}

test("a group that is closed, or takes members by approval, is joined as one was always refused", async () => {
  const [closed, byApproval] = [await createGroup(ann, [], true), await createGroup(ann, [])];
  succeeded(await ask(ann, Command.GroupUpdate, GroupUpdateReqSchema, { group: byApproval, approval: true }));
  for (const groupId of [closed, byApproval])
    for (const request of [
      { groupId, account: "old" },
      { groupId, account: "old", code: "x" },
    ]) {
      const answer = await ask(old, Command.GroupJoin, GroupJoinReqSchema, request);
      expect([answer.status, sentenceOf(answer)]).toEqual([Status.Forbidden, notYours]);
    }
  const another = await ask(old, Command.GroupJoin, GroupJoinReqSchema, { groupId: closed, account: "elder" });
  expect([another.status, sentenceOf(another)]).toEqual([Status.Forbidden, notYours]);
  // A code without the feature is a field that nobody knows.
  const { code } = await asked(ann, Command.GroupInvite, GroupInviteReqSchema, { group: closed }, InvitationSchema);
  const answer = await ask(old, Command.GroupJoin, GroupJoinReqSchema, { groupId: closed, account: "old", code });
  expect([answer.status, sentenceOf(answer)]).toEqual([Status.Forbidden, notYours]);
});

test("whoever comes and goes by a newer command is notified as before", async () => {
  const group = await createGroup(ann, ["old"]);
  succeeded(await ask(ann, Command.GroupAdd, GroupAddReqSchema, { group, accounts: ["elder", "one"] }));
  expect((await noticesOf(old, group)).toSorted()).toEqual(["+elder", "+one"]);
  expect(await noticesOf(elder, group)).toContain("+elder");
  const { code } = await asked(ann, Command.GroupInvite, GroupInviteReqSchema, { group }, InvitationSchema);
  succeeded(await ask(bob, Command.GroupJoin, GroupJoinReqSchema, { code }));
  expect(await noticesOf(old, group)).toContain("+bob");
  succeeded(await ask(ann, Command.GroupRemove, GroupRemoveReqSchema, { group, accounts: ["one", "elder"] }));
  expect((await noticesOf(old, group)).filter((notice) => notice.startsWith("-")).toSorted()).toEqual([
    "-elder",
    "-one",
  ]);
  expect(await noticesOf(elder, group)).toContain("-elder");
  succeeded(await ask(bob, Command.GroupQuit, GroupQuitReqSchema, { groupId: group, account: "bob" }));
  expect(await noticesOf(old, group)).toContain("-bob");
  succeeded(await ask(ann, Command.GroupUpdate, GroupUpdateReqSchema, { group, approval: true }));
  succeeded(await ask(bob, Command.GroupRequest, GroupRequestReqSchema, { group }));
  succeeded(await ask(ann, Command.GroupAnswer, GroupAnswerReqSchema, { group, account: "bob", accept: true }));
  await Bun.sleep(noticeMs);
  expect((await noticesOf(old, group)).filter((notice) => notice === "+bob")).toHaveLength(2);
  // Of a group that ends its owner is named.
  succeeded(await ask(ann, Command.GroupDismiss, GroupDismissReqSchema, { group }));
  expect(await noticesOf(old, group)).toContain("-ann");
  const detail = await ask(old, Command.GroupDetail, GroupGetReqSchema, { groupId: group });
  expect([detail.status, sentenceOf(detail)]).toEqual([Status.NotFound, "there is no such group"]);
  const talk = await old.request(Command.GroupTalk, group, MessageReqSchema, { type: 1, body: "too late" });
  expect([talk.status, sentenceOf(talk)]).toEqual([Status.NotFound, "there is no such group"]);
  // Nothing else was pushed to them.
  const commands = new Set([...old.pushes, ...elder.pushes].map(({ header }) => header.command));
  expect(commands).toEqual(new Set([Command.GroupCreate, Command.GroupJoin, Command.GroupQuit]));
}, 60_000);

test("a group with roles, mutes, names and pins looks to them as a group always did, byte for byte", async () => {
  const group = await createGroup(ann, ["bob", "old"]);
  const { messageId } = await groupTalk(ann, group, "pinned");
  const role = GroupRole.GroupRoleAdmin;
  const changes = [
    ask(ann, Command.GroupUpdate, GroupUpdateReqSchema, {
      group,
      name: "renamed",
      announcement: "hear",
      approval: true,
    }),
    ask(ann, Command.GroupRole, GroupRoleReqSchema, { group, account: "bob", role }),
    ask(ann, Command.GroupPin, GroupPinReqSchema, { group, messageId }),
    ask(bob, Command.GroupAlias, GroupAliasReqSchema, { group, alias: "Bob" }),
    ask(ann, Command.GroupMute, GroupMuteReqSchema, { group, account: "old", until: 4_000_000_000n }),
    ask(ann, Command.AccountBlock, BlockReqSchema, { account: "old" }),
  ];
  for (const change of changes) succeeded(await change);
  for (const command of [Command.GroupDetail, Command.GroupMembers]) {
    // What asks for more is not known to them.
    const plain = await ask(old, command, GroupGetReqSchema, { groupId: group });
    const more = { groupId: group, limit: 1, adminsOnly: true, withoutMembers: true, after: "ann" };
    expect(Buffer.from((await ask(old, command, GroupGetReqSchema, more)).body)).toEqual(Buffer.from(plain.body));
    const newer = await ask(ann, command, GroupGetReqSchema, { groupId: group });
    expect(Buffer.from(newer.body)).toEqual(Buffer.from(plain.body));
    const { createdAt, members } = await asked(ann, command, GroupGetReqSchema, { groupId: group }, GroupGetRespSchema);
    const joined = members[0]?.joinTime ?? 0n;
    // As the first version of the protocol has it: the fields 1 to 8, and 1 to 4 of a member.
    const aliases: Record<string, string> = { bob: "Bob" };
    const expected = toBinary(
      GroupGetRespSchema,
      create(GroupGetRespSchema, {
        id: group,
        name: "renamed",
        owner: "ann",
        createdAt,
        members: ["ann", "bob", "old"].map((account) => ({
          account,
          alias: aliases[account] ?? "",
          joinTime: joined,
        })),
      }),
    );
    expect(Buffer.from(plain.body)).toEqual(Buffer.from(expected));
  }
  const muted = await old.request(Command.GroupTalk, group, MessageReqSchema, { type: 1, body: "while muted" });
  expect([muted.status, sentenceOf(muted)]).toEqual([Status.Forbidden, "you are muted in this group"]);
  succeeded(await ask(ann, Command.GroupTransfer, GroupTransferReqSchema, { group, account: "bob" }));
  succeeded(await ask(ann, Command.GroupMute, GroupMuteReqSchema, { group, account: "old", until: 0n }));
  succeeded(await old.request(Command.GroupTalk, group, MessageReqSchema, { type: 1, body: "again" }));
  expect(old.pushes.filter(({ header }) => header.command === Command.Event)).toEqual([]);
}, 60_000);

// A group and its people over the wire, on a store of the disk: its whole life, and what is pushed to those who are in
// it.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { Command } from "../../src/wire/commands.ts";
import {
  AccountSettingsReqSchema,
  AccountStateReqSchema,
  AccountStateRespSchema,
  BlockReqSchema,
  Consent,
  EntryKind,
  EventPushSchema,
  GroupAddReqSchema,
  GroupAddRespSchema,
  GroupAliasReqSchema,
  GroupAnswerNotifySchema,
  GroupAnswerReqSchema,
  GroupDismissReqSchema,
  GroupGetReqSchema,
  GroupGetRespSchema,
  GroupInviteReqSchema,
  GroupJoinReqSchema,
  GroupJoinRespSchema,
  GroupListReqSchema,
  GroupListRespSchema,
  GroupMuteReqSchema,
  GroupPinnedReqSchema,
  GroupPinReqSchema,
  GroupQuitNotifySchema,
  GroupRemoveReqSchema,
  GroupRequestNotifySchema,
  GroupRequestReqSchema,
  GroupRole,
  GroupRoleReqSchema,
  GroupTransferReqSchema,
  GroupUpdateReqSchema,
  HistoryRespSchema,
  InvitationSchema,
  LoginReqSchema,
  MessageReqSchema,
  ProfileReqSchema,
  ProfileRespSchema,
  ProfileSetReqSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { ask, asked, createGroup, groupTalk, succeeded } from "../support/commands.ts";
import { Messenger } from "../support/messenger.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";
import { sentenceOf, type WireClient } from "../support/wire-client.ts";

const storePath = temporaryPaths("group-life-")();
let messenger: Messenger;
beforeAll(async () => {
  messenger = await Messenger.start({ storePath });
});
afterAll(() => messenger.stop());

/** A client that was granted the feature. */
async function newer(account: string): Promise<WireClient> {
  const client = await messenger.stranger();
  const init = { token: await messenger.token(account), device: "phone", features: ["conversations"] };
  succeeded(await client.request(Command.SignIn, "", LoginReqSchema, init));
  return client;
}

const eventsOf = async (client: WireClient, count: number) =>
  (await client.pushed(Command.Event, EventPushSchema, count)).map(({ kind }) => kind);
const say = (client: WireClient, dest: string, toGroup = true) =>
  client.request(toGroup ? Command.GroupTalk : Command.UserTalk, dest, MessageReqSchema, { type: 1, body: "hello" });
const names = (text: string): readonly [string, string, string, string] => {
  const name = (at: number): string => `${text}-${at}`;
  return [name(0), name(1), name(2), name(3)];
};

test("a group from its creation to its end", async () => {
  const [ann, bob, cid, old] = names("life");
  const [owner, member, guest] = [await newer(ann), await newer(bob), await newer(cid)] as const;
  const former = await messenger.client(old);
  const group = await createGroup(owner, [bob, old]);
  const invitation = await asked(
    owner,
    Command.GroupInvite,
    GroupInviteReqSchema,
    { group, uses: 1 },
    InvitationSchema,
  );
  const joined = await asked(
    guest,
    Command.GroupJoin,
    GroupJoinReqSchema,
    { code: invitation.code },
    GroupJoinRespSchema,
  );
  expect(joined.group).toBe(group);
  // It was for one.
  const late = await ask(await newer(`${cid}-late`), Command.GroupJoin, GroupJoinReqSchema, { code: invitation.code });
  expect(late.status).toBe(Status.NotFound);
  succeeded(await ask(owner, Command.GroupUpdate, GroupUpdateReqSchema, { group, name: "named", muted: true }));
  const silent = await say(member, group);
  expect([silent.status, sentenceOf(silent)]).toEqual([
    Status.Forbidden,
    "only the owner and the admins of this group may talk",
  ]);
  const role = GroupRole.GroupRoleAdmin;
  succeeded(await ask(owner, Command.GroupRole, GroupRoleReqSchema, { group, account: bob, role }));
  const said = await groupTalk(member, group, "as an admin");
  succeeded(await ask(member, Command.GroupPin, GroupPinReqSchema, { group, messageId: said.messageId }));
  const pinned = await asked(guest, Command.GroupPinned, GroupPinnedReqSchema, { group }, HistoryRespSchema);
  expect(pinned.messages.map(({ messageId }) => messageId)).toEqual([said.messageId]);
  const until = 4_000_000_000n;
  succeeded(await ask(member, Command.GroupMute, GroupMuteReqSchema, { group, account: cid, until }));
  expect((await ask(member, Command.GroupMute, GroupMuteReqSchema, { group, account: ann, until })).status).toBe(
    Status.Forbidden,
  );
  succeeded(await ask(guest, Command.GroupAlias, GroupAliasReqSchema, { group, alias: "the guest" }));
  const page = await asked(
    guest,
    Command.GroupMembers,
    GroupGetReqSchema,
    { groupId: group, limit: 200 },
    GroupGetRespSchema,
  );
  expect(page).toMatchObject({ name: "named", muted: true, memberCount: 4, hasMore: false, mutedUntil: until });
  expect(new Map(page.members.map(({ account, role: as, alias }) => [account, [as, alias]]))).toEqual(
    new Map([
      [ann, [GroupRole.GroupRoleOwner, ""]],
      [bob, [GroupRole.GroupRoleAdmin, ""]],
      [cid, [GroupRole.GroupRoleMember, "the guest"]],
      [old, [GroupRole.GroupRoleMember, ""]],
    ]),
  );
  succeeded(await ask(owner, Command.GroupTransfer, GroupTransferReqSchema, { group, account: bob }));
  succeeded(await ask(member, Command.GroupRemove, GroupRemoveReqSchema, { group, accounts: [cid] }));
  expect((await ask(owner, Command.GroupDismiss, GroupDismissReqSchema, { group })).status).toBe(Status.Forbidden);
  succeeded(await ask(member, Command.GroupDismiss, GroupDismissReqSchema, { group }));
  expect((await say(owner, group)).status).toBe(Status.NotFound);
  const list = await asked(owner, Command.GroupList, GroupListReqSchema, {}, GroupListRespSchema);
  expect(list.groups).toEqual([]);
  // Not of what it did itself.
  expect(await eventsOf(owner, 6)).toEqual([
    EntryKind.EntryGroupJoined,
    EntryKind.EntryGroupPinned,
    EntryKind.EntryGroupMuted,
    EntryKind.EntryGroupAlias,
    EntryKind.EntryGroupRemoved,
    EntryKind.EntryGroupDismissed,
  ]);
  expect(await eventsOf(guest, 7)).toEqual([
    EntryKind.EntryGroupUpdated,
    EntryKind.EntryGroupSettings,
    EntryKind.EntryGroupRole,
    EntryKind.EntryGroupPinned,
    EntryKind.EntryGroupMuted,
    EntryKind.EntryGroupTransferred,
    EntryKind.EntryGroupRemoved,
  ]);
  const quits = await former.pushed(Command.GroupQuit, GroupQuitNotifySchema, 2);
  // The notice of the guest may wait, as it has just joined.
  expect(quits.map(({ account }) => account).toSorted()).toEqual([bob, cid]);
}, 30_000);

test("a group that takes members by approval", async () => {
  const [ann, bob] = names("approval");
  const [owner, stranger] = [await newer(ann), await newer(bob)] as const;
  const group = await createGroup(owner, []);
  succeeded(await ask(owner, Command.GroupUpdate, GroupUpdateReqSchema, { group, approval: true }));
  expect((await ask(stranger, Command.GroupJoin, GroupJoinReqSchema, { groupId: group, account: bob })).status).toBe(
    Status.Forbidden,
  );
  for (let times = 0; times < 20; times++)
    succeeded(await ask(stranger, Command.GroupRequest, GroupRequestReqSchema, { group, text: `please ${times}` }));
  const told = await owner.pushed(Command.GroupRequest, GroupRequestNotifySchema);
  expect(told).toMatchObject([{ group, request: { account: bob, text: "please 0" }, withdrawn: false }]);
  succeeded(await ask(owner, Command.GroupAnswer, GroupAnswerReqSchema, { group, account: bob, accept: true }));
  expect(await stranger.pushed(Command.GroupAnswer, GroupAnswerNotifySchema)).toMatchObject([
    { group, accepted: true },
  ]);
  succeeded(await say(stranger, group));
  const again = await ask(owner, Command.GroupAnswer, GroupAnswerReqSchema, { group, account: bob, accept: true });
  expect(again.status).toBe(Status.Success);
}, 30_000);

test("what accounts let others do, and show of themselves", async () => {
  const [ann, bob, cid] = names("people");
  const [one, other] = [await newer(ann), await newer(bob)] as const;
  succeeded(await ask(one, Command.AccountBlock, BlockReqSchema, { account: bob }));
  const refused = await say(other, ann, false);
  expect([refused.status, sentenceOf(refused)]).toEqual([Status.Forbidden, expect.stringContaining("invite it")]);
  // The other direction stays open, and so does the group that one makes for others.
  succeeded(await say(one, bob, false));
  const group = await createGroup(other, [cid]);
  const added = await asked(other, Command.GroupAdd, GroupAddReqSchema, { group, accounts: [ann] }, GroupAddRespSchema);
  expect(added).toMatchObject({ entryId: 0n, unwilling: [ann] });
  succeeded(await ask(one, Command.AccountUnblock, BlockReqSchema, { account: bob }));
  succeeded(await say(other, ann, false));
  succeeded(await ask(one, Command.AccountSettings, AccountSettingsReqSchema, { write: Consent.ConsentNobody }));
  expect((await say(other, ann, false)).status).toBe(Status.Forbidden);
  succeeded(await ask(one, Command.AccountSetProfile, ProfileSetReqSchema, { name: "Ann" }));
  const found = await asked(
    other,
    Command.AccountProfile,
    ProfileReqSchema,
    { accounts: [ann, bob] },
    ProfileRespSchema,
  );
  expect(found.profiles).toMatchObject([{ account: ann, name: "Ann" }]);
  const versions = found.profiles.map(({ version }) => version);
  const known = { accounts: [ann, bob], versions };
  expect((await asked(other, Command.AccountProfile, ProfileReqSchema, known, ProfileRespSchema)).profiles).toEqual([]);
  const state = await asked(one, Command.AccountState, AccountStateReqSchema, {}, AccountStateRespSchema);
  expect(state).toMatchObject({
    blocks: [{ account: bob, off: true }],
    settings: { write: Consent.ConsentNobody },
    profile: { name: "Ann" },
  });
}, 30_000);

// A group's whole life by three clients of the wire, for tests of processes: what it is while it lasts, what its
// members are told, and what is left of it. Between its two halves the processes may be others.

import { expect } from "bun:test";
import { type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import {
  EntryKind,
  EntryRespSchema,
  EventPushSchema,
  GroupAddReqSchema,
  GroupAddRespSchema,
  GroupAliasReqSchema,
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
  GroupRemoveReqSchema,
  GroupRole,
  GroupRoleReqSchema,
  GroupTransferReqSchema,
  GroupUpdateReqSchema,
  HistoryReqSchema,
  HistoryRespSchema,
  InvitationSchema,
  MessageIndexReqSchema,
  MessageIndexRespSchema,
  MessageReqSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { ask, asked, createGroup, groupTalk } from "./commands.ts";
import { sentenceOf, type WireClient } from "./wire-client.ts";

/** Ann makes the group, bob and cid join it; all have the feature `conversations`. */
export interface GroupPeople {
  readonly ann: WireClient;
  readonly bob: WireClient;
  readonly cid: WireClient;
}

/** A group in the middle of its life. */
export interface HalfLife {
  readonly group: string;
  readonly pinned: bigint;
}

const farUntil = 4_000_000_000n;
const { GroupRoleMember, GroupRoleAdmin, GroupRoleOwner } = GroupRole;

/** Changes the group, and waits until the others are pushed the entry that the answer names. */
async function changed<Desc extends DescMessage>(
  by: WireClient,
  others: readonly WireClient[],
  command: string,
  schema: Desc,
  init: MessageInitShape<Desc>,
): Promise<bigint> {
  const { entryId } = await asked(by, command, schema, init, EntryRespSchema);
  for (const client of others) await told(client, entryId);
  return entryId;
}

async function told(client: WireClient, entryId: bigint): Promise<void> {
  for (let count = 1; ; count++) {
    const events = await client.pushed(Command.Event, EventPushSchema, count);
    if (events.some((event) => event.entryId === entryId)) return;
    count = Math.max(count, events.length);
  }
}

async function page(client: WireClient, groupId: string) {
  const found = await asked(
    client,
    Command.GroupMembers,
    GroupGetReqSchema,
    { groupId, limit: 200 },
    GroupGetRespSchema,
  );
  const members = found.members.map(({ account, role, alias }) => [account, role, alias]);
  return { ...found, members: members.toSorted((one, other) => (String(one[0]) < String(other[0]) ? -1 : 1)) };
}

/** From its creation on: invited, named, muted, pinned. */
export async function beginLife({ ann, bob, cid }: GroupPeople): Promise<HalfLife> {
  const group = await createGroup(ann, [], true);
  const invitation = await asked(ann, Command.GroupInvite, GroupInviteReqSchema, { group, uses: 2 }, InvitationSchema);
  for (const client of [bob, cid]) {
    const joined = await asked(
      client,
      Command.GroupJoin,
      GroupJoinReqSchema,
      { code: invitation.code },
      GroupJoinRespSchema,
    );
    expect(joined.group).toBe(group);
  }
  expect((await ask(ann, Command.GroupJoin, GroupJoinReqSchema, { code: `${invitation.code}x` })).status).toBe(
    Status.NotFound,
  );
  await changed(ann, [bob, cid], Command.GroupUpdate, GroupUpdateReqSchema, {
    group,
    name: "named",
    announcement: "hear",
  });
  await changed(ann, [bob, cid], Command.GroupRole, GroupRoleReqSchema, {
    group,
    account: "bob",
    role: GroupRoleAdmin,
  });
  await changed(cid, [ann, bob], Command.GroupAlias, GroupAliasReqSchema, { group, alias: "the third" });
  const { messageId: pinned } = await groupTalk(cid, group, "worth keeping");
  await changed(bob, [ann, cid], Command.GroupPin, GroupPinReqSchema, { group, messageId: pinned });
  await changed(bob, [ann, cid], Command.GroupMute, GroupMuteReqSchema, { group, account: "cid", until: farUntil });
  return { group, pinned };
}

/** To its end, and what is left of it afterwards. */
export async function endLife({ ann, bob, cid }: GroupPeople, { group, pinned }: HalfLife): Promise<void> {
  const found = await page(cid, group);
  expect(found).toMatchObject({
    name: "named",
    announcement: "hear",
    memberCount: 3,
    closed: true,
    mutedUntil: farUntil,
  });
  expect(found.members).toEqual([
    ["ann", GroupRoleOwner, ""],
    ["bob", GroupRoleAdmin, ""],
    ["cid", GroupRoleMember, "the third"],
  ]);
  const muted = await cid.request(Command.GroupTalk, group, MessageReqSchema, { type: 1, body: "not yet" });
  expect([muted.status, sentenceOf(muted)]).toEqual([Status.Forbidden, "you are muted in this group"]);
  await changed(bob, [ann, cid], Command.GroupMute, GroupMuteReqSchema, { group, account: "cid", until: 0n });
  await groupTalk(cid, group, "again");
  const pins = await asked(ann, Command.GroupPinned, GroupPinnedReqSchema, { group }, HistoryRespSchema);
  expect(pins.messages.map(({ messageId }) => messageId)).toEqual([pinned]);
  await changed(ann, [bob, cid], Command.GroupTransfer, GroupTransferReqSchema, { group, account: "bob" });
  await changed(bob, [ann, cid], Command.GroupRemove, GroupRemoveReqSchema, { group, accounts: ["cid"] });
  expect((await ask(cid, Command.GroupPinned, GroupPinnedReqSchema, { group })).status).toBe(Status.NotFound);
  const added = { group, accounts: ["cid", "dan"] };
  const { entryId } = await asked(ann, Command.GroupAdd, GroupAddReqSchema, added, GroupAddRespSchema);
  for (const client of [bob, cid]) await told(client, entryId);
  expect((await page(bob, group)).members).toEqual([
    ["ann", GroupRoleAdmin, ""],
    ["bob", GroupRoleOwner, ""],
    ["cid", GroupRoleMember, ""],
    ["dan", GroupRoleMember, ""],
  ]);
  expect((await ask(ann, Command.GroupDismiss, GroupDismissReqSchema, { group })).status).toBe(Status.Forbidden);
  await changed(bob, [ann, cid], Command.GroupDismiss, GroupDismissReqSchema, { group });
  for (const client of [ann, bob, cid]) {
    const talk = await client.request(Command.GroupTalk, group, MessageReqSchema, { type: 1, body: "too late" });
    expect([talk.status, sentenceOf(talk)]).toEqual([Status.NotFound, "there is no such group"]);
    const { groups } = await asked(client, Command.GroupList, GroupListReqSchema, {}, GroupListRespSchema);
    expect(groups).toEqual([]);
    const { messages } = await asked(client, Command.History, HistoryReqSchema, { group }, HistoryRespSchema);
    expect(messages.map(({ body }) => body)).toEqual(["worth keeping", "again"]);
  }
  // Whoever was away learns all of it from the index.
  const init = { messageId: 1n, includeEvents: true, includeSent: true };
  const { indexes } = await asked(cid, Command.OfflineIndex, MessageIndexReqSchema, init, MessageIndexRespSchema);
  expect(indexes.filter(({ kind }) => kind !== EntryKind.EntryMessage).map(({ kind }) => kind)).toEqual([
    EntryKind.EntryGroupJoined,
    EntryKind.EntryGroupUpdated,
    EntryKind.EntryGroupRole,
    EntryKind.EntryGroupAlias,
    EntryKind.EntryGroupPinned,
    EntryKind.EntryGroupMuted,
    EntryKind.EntryGroupMuted,
    EntryKind.EntryGroupTransferred,
    EntryKind.EntryGroupRemoved,
    EntryKind.EntryGroupJoined,
    EntryKind.EntryGroupDismissed,
  ]);
}

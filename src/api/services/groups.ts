// The groups of an app. As the system, a back end may do what an owner may.

import type { DescMessage, Message, MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { systemAccount } from "../../auth/names.ts";
import { Command, type CommandName } from "../../wire/commands.ts";
import { type CreateGroupReq, Groups, Role } from "../../wire/gen/api_pb.ts";
import * as pkt from "../../wire/gen/pkt_pb.ts";
import { accountName, type ApiCall, personName } from "../api-call.ts";
import type { ApiParts } from "../api-parts.ts";
import { actorOf, askFor, change } from "../chat-calls.ts";
import { invalid } from "../codes.ts";
import { type Method, unary } from "../method.ts";
import { groupDigitsFor, groupIdFor, idempotencyMs, otherBody, Repeats } from "../repeats.ts";

const { method } = Groups;

export function groups(parts: ApiParts): readonly Method[] {
  const repeats = new Repeats(parts.clock);

  /** A change that is answered with its entry. */
  const changeAs = <I extends DescMessage>(
    call: ApiCall,
    actor: string,
    command: CommandName,
    schema: I,
    request: MessageInitShape<I>,
  ) => change(parts, call, { command, account: actorOf(call, "actor", actor), schema, request });

  return [
    unary(method.create, async (request, call) => {
      const header = call.idempotencyKey;
      if (header === undefined) return create(parts, call, request, "");
      return repeats.once(call, "Groups/Create", header, request, () => createOnce(parts, call, request, header));
    }),
    unary(
      method.update,
      ({ actor, group, name, avatar, introduction, announcement, closed, approval, muted }, call) => {
        const fields = { group, name, avatar, introduction, announcement, closed, approval, muted };
        return changeAs(call, actor, Command.GroupUpdate, pkt.GroupUpdateReqSchema, fields);
      },
    ),
    unary(method.dismiss, ({ actor, group }, call) =>
      changeAs(call, actor, Command.GroupDismiss, pkt.GroupDismissReqSchema, { group }),
    ),
    unary(method.get, async ({ group }, call) => {
      const found = await detail(parts, call, { groupId: group, withoutMembers: true });
      const { id, name, avatar, introduction, announcement, owner, createdAt, closed, approval, muted, memberCount } =
        found;
      return { id, name, avatar, introduction, announcement, owner, createdAt, closed, approval, muted, memberCount };
    }),
    unary(method.list, async ({ account, after, limit }, call) => {
      const { groups: found, hasMore } = await askFor(
        parts,
        call,
        {
          command: Command.GroupList,
          account: accountName("account", account),
          schema: pkt.GroupListReqSchema,
          request: { after, limit },
        },
        pkt.GroupListRespSchema,
      );
      return { groups: found.map((group) => ({ ...withoutType(group), role: roleOf(group.role) })), hasMore };
    }),
    unary(method.listMembers, async ({ group, after, limit, adminsOnly }, call) => {
      // A limit of 0 would be all of them.
      const request = { groupId: group, after, limit: limit === 0 ? membersPageDefault : limit, adminsOnly };
      const { members, hasMore } = await detail(parts, call, request);
      return {
        members: members.map((member) => ({ ...withoutType(member), role: roleOf(member.role) })),
        hasMore,
      };
    }),
    unary(method.addMembers, async ({ actor, group, accounts }, call) => {
      const account = actorOf(call, "actor", actor);
      const asked = { command: Command.GroupAdd, account, schema: pkt.GroupAddReqSchema, request: { group, accounts } };
      const { entryId, leftOut, unwilling } = await askFor(parts, call, asked, pkt.GroupAddRespSchema);
      return { entryId, leftOut, unwilling };
    }),
    unary(method.removeMembers, ({ actor, group, accounts }, call) =>
      changeAs(call, actor, Command.GroupRemove, pkt.GroupRemoveReqSchema, { group, accounts }),
    ),
    unary(method.setRole, ({ actor, group, account, role }, call) => {
      if (role !== Role.member && role !== Role.admin)
        throw invalid("role must be member or admin; Transfer makes an owner");
      const wanted = role === Role.admin ? pkt.GroupRole.GroupRoleAdmin : pkt.GroupRole.GroupRoleMember;
      return changeAs(call, actor, Command.GroupRole, pkt.GroupRoleReqSchema, { group, account, role: wanted });
    }),
    unary(method.transfer, ({ actor, group, account }, call) =>
      changeAs(call, actor, Command.GroupTransfer, pkt.GroupTransferReqSchema, { group, account }),
    ),
    unary(method.mute, ({ actor, group, account, until }, call) =>
      changeAs(call, actor, Command.GroupMute, pkt.GroupMuteReqSchema, { group, account, until }),
    ),
  ];
}

const membersPageDefault = 50;

/** Creates a group as its owner; `id`: which one, '' for a random one. */
async function create(parts: ApiParts, call: ApiCall, request: CreateGroupReq, id: string) {
  const { name, avatar, introduction, members, closed } = request;
  const asked = {
    command: Command.GroupCreate,
    account: personName("owner", request.owner),
    dest: id,
    schema: pkt.GroupCreateReqSchema,
    request: { name, avatar, introduction, members, closed },
  };
  const { groupId: group, leftOut } = await askFor(parts, call, asked, pkt.GroupCreateRespSchema);
  return { group, leftOut };
}

/** A group as the system sees it. Throws NotFound. */
function detail(parts: ApiParts, call: ApiCall, request: MessageInitShape<typeof pkt.GroupGetReqSchema>) {
  const asked = { command: Command.GroupDetail, account: systemAccount, schema: pkt.GroupGetReqSchema, request };
  return askFor(parts, call, asked, pkt.GroupGetRespSchema);
}

/**
 * The same for a request that may be a repetition, whatever has become of the group since. Throws AlreadyExists if the
 * key made another one, FailedPrecondition if the group has ended.
 */
async function createOnce(parts: ApiParts, call: ApiCall, request: CreateGroupReq, header: string) {
  personName("owner", request.owner);
  const digits = groupDigitsFor(call, header);
  const [newest, before] = await parts.store.groups.beginningWith(call.app, digits, 2);
  if (newest === undefined || parts.clock.wallMs() - newest.createdMs >= idempotencyMs)
    return create(parts, call, request, groupIdFor(digits, request, newest?.id ?? ""));
  const { id } = newest;
  if (id !== groupIdFor(digits, request, before?.id ?? "")) throw otherBody();
  // Its members are put in slice by slice, and the last one may be missing.
  if (newest.isUnfinished) return create(parts, call, request, id);
  if (!newest.hasEnded) return { group: id };
  const sentence = "the group that this Idempotency-Key made has ended: another one needs another key";
  throw new ConnectError(sentence, Code.FailedPrecondition);
}

function roleOf(role: pkt.GroupRole): Role {
  switch (role) {
    case pkt.GroupRole.GroupRoleOwner:
      return Role.owner;
    case pkt.GroupRole.GroupRoleAdmin:
      return Role.admin;
    default:
      return Role.member;
  }
}

/** The fields of a message, for one of another type. */
function withoutType<T extends Message>({ $typeName: _type, ...fields }: T): Omit<T, "$typeName"> {
  return fields;
}

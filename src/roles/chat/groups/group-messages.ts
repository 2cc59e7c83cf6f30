// Groups, their members and invitations as messages of the protocol.

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { GroupView, Invitation, PagedMember } from "../../../store/groups.ts";
import type {
  GroupGetRespSchema,
  GroupSummarySchema,
  InvitationSchema,
  MemberSchema,
} from "../../../wire/gen/pkt_pb.ts";
import { roleNumbers } from "../entry-message.ts";

/** A group in a list of one's groups. */
export function summaryMessage(view: GroupView): MessageInitShape<typeof GroupSummarySchema> {
  const { id, name, avatar, owner, memberCount, role, mutedUntil, isForAdmins: muted, alias } = view;
  return { id, name, avatar, owner, memberCount, role: roleNumbers[role], mutedUntil, muted, alias };
}

/** A group with all that its members see of it, but the members. */
export function groupMessage(view: GroupView): Omit<MessageInitShape<typeof GroupGetRespSchema>, "$typeName"> {
  const { id, name, avatar, introduction, announcement, owner, createdAt, memberCount, mutedUntil, requestCount } =
    view;
  const { isClosed: closed, hasApproval: approval, isForAdmins: muted, role } = view;
  const texts = { id, name, avatar, introduction, announcement, owner };
  const own = { role: roleNumbers[role], mutedUntil, requestCount };
  return { ...texts, createdAt, closed, approval, muted, memberCount, ...own };
}

export function memberMessage(member: PagedMember): MessageInitShape<typeof MemberSchema> {
  const { account, alias, role, joinTime, mutedUntil } = member;
  return { account, alias, role: roleNumbers[role], joinTime, mutedUntil };
}

export function invitationMessage({
  code,
  expiresAt,
  usesLeft,
  account,
}: Invitation): MessageInitShape<typeof InvitationSchema> {
  return { code, expiresAt, usesLeft, account };
}

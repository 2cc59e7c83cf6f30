// What the protocol sends, as applications see it.

import type { GroupGetResp } from "../../wire/gen/messages/group-get-resp.ts";
import type { Invitation as WireInvitation } from "../../wire/gen/messages/invitation.ts";
import type { JoinRequest as WireRequest } from "../../wire/gen/messages/join-request.ts";
import type { MessageIndex } from "../../wire/gen/messages/message-index.ts";
import { Status } from "../../wire/gen/messages/status.ts";
import { Disconnected, isWorthRepeating, RequestRefused } from "../client-errors.ts";
import type {
  Consent,
  GroupChange,
  GroupDetail,
  GroupField,
  GroupMember,
  GroupRole,
  Invitation,
  JoinRequest,
} from "./community-types.ts";

/** By their numbers on the wire. */
const roles: readonly GroupRole[] = ["member", "admin", "owner"];
const consents: readonly Consent[] = ["everybody", "conversations", "nobody"];
const fields: readonly GroupField[] = [
  ...(["name", "avatar", "introduction", "announcement"] as const),
  ...(["isClosed", "hasApproval", "isMuted"] as const),
];
/** From EntryKind 16 on; 24 is a pinned message. */
export const pinnedKind = 24;
const firstKind = 16;
const kinds: readonly (GroupChange["kind"] | undefined)[] = [
  ...(["created", "updated", "joined", "left", "removed", "role", "muted", "transferred"] as const),
  ...([undefined, "dismissed", "settings", "alias"] as const),
];

/** Of seconds since 1970, where 0 stands for none. */
export function dateOf(seconds: bigint): Date | undefined {
  return seconds === 0n ? undefined : time(seconds);
}

function time(seconds: bigint): Date {
  return new Date(Number(seconds) * 1_000);
}

/** The role with this number; that of a member if it is unknown. */
export function roleOf(number: number): GroupRole {
  return roles[number] ?? "member";
}

/** What a later server means is not known: nobody is surprised by less. */
export function consentOf(number: number): Consent {
  return consents[number] ?? "nobody";
}

export const roleNumbers = { member: 0, admin: 1 } as const;
export const consentNumbers = { everybody: 0, conversations: 1, nobody: 2 } as const;

/** Who did what an entry tells. */
export function actorOf({ direction, accountB }: MessageIndex, me: string): string {
  return direction === 1 ? me : accountB;
}

/** The change of a group that an entry tells; undefined if it is of another kind, perhaps of a later server. */
export function groupChangeOf(entry: MessageIndex, me: string): GroupChange | undefined {
  const kind = kinds[entry.kind - firstKind];
  if (kind === undefined) return undefined;
  const { group, messageId: entryId, sendTime, detail } = entry;
  const { accounts = [], count = 0, role = 0, until = 0n, fields: numbers = [] } = detail ?? {};
  return {
    ...{ group, kind, actor: actorOf(entry, me), accounts, entryId, time: sendTime },
    count: Math.max(count, accounts.length),
    role: roleOf(role),
    until: dateOf(until),
    fields: numbers.flatMap((number) => fields[number] ?? []),
  };
}

export function detailOf(group: GroupGetResp): GroupDetail {
  const { id, name, avatar, introduction, announcement, owner, memberCount, requestCount } = group;
  const { closed: isClosed, approval: hasApproval, muted: isMuted } = group;
  return {
    ...{ id, name, avatar, introduction, announcement, owner, memberCount, requestCount },
    ...{ isClosed, hasApproval, isMuted },
    createdAt: time(group.createdAt),
    role: roleOf(group.role),
    mutedUntil: dateOf(group.mutedUntil),
  };
}

export function memberOf({ joinTime, role, mutedUntil, ...member }: GroupGetResp["members"][number]): GroupMember {
  return { ...member, joinedAt: time(joinTime), role: roleOf(role), mutedUntil: dateOf(mutedUntil) };
}

export function invitationOf({ code, expiresAt, usesLeft, account }: WireInvitation): Invitation {
  return { code, expiresAt: time(expiresAt), usesLeft: usesLeft === 0 ? undefined : usesLeft, account };
}

export function requestOf({ account, text, time: seconds }: WireRequest): JoinRequest {
  return { account, text, time: time(seconds) };
}

/** Whether the server, or the connection, has no such command. */
export function isMissing(error: unknown): boolean {
  const missing: readonly Status[] = [Status.NotImplemented, Status.InvalidCommand];
  return error instanceof RequestRefused && missing.includes(error.status);
}

/** Whether asking again on this connection is of no use. */
export function isFinal(error: unknown): boolean {
  return error instanceof Disconnected || isMissing(error) || !isWorthRepeating(error);
}

/** Whether a request was refused for what it contains: another part of a batch may be right. */
export function isWrong(error: unknown): boolean {
  return error instanceof RequestRefused && error.status === Status.InvalidPacketBody;
}

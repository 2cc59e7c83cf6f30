// What the entries of groups say, as both engines store it: a kind, accounts, and one number.

import { entryKind, type GroupEntryDetail } from "./conversations.ts";
import type { GroupRole } from "./group-rights.ts";

/** What an update or settings changed, in the order of the numbers of `GroupField` in proto/pkt.proto. */
const fieldNames = [
  "name",
  "avatar",
  "introduction",
  "announcement",
  "isClosed",
  "hasApproval",
  "isForAdmins",
] as const;
export type GroupField = (typeof fieldNames)[number];

/** The columns of the fields, in both engines. */
export const fieldColumns = {
  name: "name",
  avatar: "avatar",
  introduction: "introduction",
  announcement: "announcement",
  isClosed: "closed",
  hasApproval: "approval",
  isForAdmins: "for_admins",
} as const satisfies Record<GroupField, string>;

/** The fields that an entry of the kind `groupUpdated` names; `groupSettings` names the others. */
export const textFields: readonly GroupField[] = fieldNames.slice(0, 4);
export const settingFields: readonly GroupField[] = fieldNames.slice(4);

/** In the order of the numbers of `GroupRole` in proto/pkt.proto. */
const roles: readonly GroupRole[] = ["member", "admin", "owner"];

/** Bit n stands for the field of the number n. */
export function maskOfFields(fields: readonly GroupField[]): bigint {
  return fields.reduce((mask, field) => mask | (1n << BigInt(fieldNames.indexOf(field))), 0n);
}

export function numberOfRole(role: GroupRole): bigint {
  return BigInt(roles.indexOf(role));
}

export function roleOf(number: number): GroupRole {
  return roles[number] ?? "member";
}

/** The parts of an entry of a group as they are stored. */
export interface StoredDetail {
  /** One of those of `entryKind` from 16 on. */
  readonly kind: number;
  /** The first `entryAccountsMax` of them. */
  readonly accounts: readonly string[];
  readonly count: number;
  /** By kind: a role's number; seconds since 1970; a mask of fields. Else 0n. */
  readonly value: bigint;
}

export function detailOf({ kind, accounts, count, value }: StoredDetail): GroupEntryDetail {
  const plain = { accounts, count };
  switch (kind) {
    case entryKind.groupRole:
    case entryKind.groupTransferred:
      return { ...plain, role: roleOf(Number(value)) };
    case entryKind.groupMuted:
      return { ...plain, until: value };
    case entryKind.groupUpdated:
    case entryKind.groupSettings:
      return { ...plain, fields: fieldNames.flatMap((_, at) => (((value >> BigInt(at)) & 1n) === 1n ? [at] : [])) };
    default:
      return plain;
  }
}

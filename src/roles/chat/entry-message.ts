// Entries of the log as messages of the protocol.

import { create } from "@bufbuild/protobuf";
import { assert } from "../../base/assert.ts";
import { entryAccountsMax } from "../../base/limits/fixed.ts";
import { type Entry, entryKind, type GroupEntryDetail } from "../../store/conversations.ts";
import { type EntryDetail, EntryDetailSchema, EntryKind, GroupField, GroupRole } from "../../wire/gen/pkt_pb.ts";

const kinds = new Map<number, EntryKind>(Object.values(EntryKind).map((kind) => [kind, kind]));
const groupFields = new Map<number, GroupField>(Object.values(GroupField).map((field) => [field, field]));
/** The roles of the store as numbers of the protocol. */
export const roleNumbers = {
  member: GroupRole.GroupRoleMember,
  admin: GroupRole.GroupRoleAdmin,
  owner: GroupRole.GroupRoleOwner,
} as const;

/** The entry of a change of membership by a command that the store does not answer with its entry. */
export function groupEntry(
  entry: Pick<Entry, "entryId" | "kind" | "actor" | "time" | "group">,
  accounts: readonly string[],
): Entry & { readonly detail: GroupEntryDetail } {
  const detail = { accounts: accounts.slice(0, entryAccountsMax), count: accounts.length };
  return { ...entry, refersTo: 0n, account: "", reaction: "", isOff: false, detail };
}

/** What an entry says besides its kind and what it is about. */
interface Said {
  readonly kind: number;
  readonly reaction: string;
  readonly isOff: boolean;
  readonly detail?: GroupEntryDetail;
}

/** The fields that messages about entries share; those of edits and recalls have no detail. */
export function entryFields({ kind, reaction, isOff: off, detail }: Said): { kind: EntryKind; detail?: EntryDetail } {
  const known = kinds.get(kind);
  assert(known !== undefined, "the store knows the kinds of the protocol");
  if (kind === entryKind.reacted || kind === entryKind.pinned)
    return { kind: known, detail: create(EntryDetailSchema, { reaction, off }) };
  return detail === undefined ? { kind: known } : { kind: known, detail: groupDetail(detail) };
}

function groupDetail({ accounts, count, role = "member", until = 0n, fields = [] }: GroupEntryDetail): EntryDetail {
  return create(EntryDetailSchema, {
    accounts: [...accounts],
    count,
    role: roleNumbers[role],
    until,
    fields: fields.map(groupField),
  });
}

function groupField(number: number): GroupField {
  const field = groupFields.get(number);
  assert(field !== undefined, "the store knows the fields of the protocol");
  return field;
}

// Decodes the answers of the functions of groups, which are JSON objects with ids as text.

import type { GroupCallOutcome } from "../../change-jobs.ts";
import { detailOf, roleOf } from "../../group-entries.ts";
import type { GroupView, Invitation, RefusedRight, StoredEntry } from "../../groups.ts";
import { fromText } from "../text.ts";

interface EntryAnswer {
  readonly entryId: string;
  readonly kind: number;
  readonly refersTo: string;
  readonly actor: string;
  readonly time: string;
  readonly account: string;
  readonly group: string;
  readonly isOff: boolean;
  readonly accounts: readonly string[];
  readonly count: number;
  readonly value: string;
  readonly previousEntryId: string;
  readonly isQuiet: boolean;
}
interface Rest {
  readonly leftOut?: readonly string[];
  readonly unwilling?: readonly string[];
  readonly group?: string;
  readonly invitation?: Omit<Invitation, "expiresAt"> & { readonly expiresAt: string };
  readonly admins?: readonly string[];
  readonly time?: string;
}

/** What roost.call_group returns. */
export type GroupAnswer = Rest &
  (
    | {
        readonly result: "stored";
        readonly entries: readonly EntryAnswer[];
        readonly versionBefore: string;
        readonly version: string;
      }
    | { readonly result: "full"; readonly bound: string }
    | { readonly result: RefusedRight }
  );

export function groupOutcome(given: GroupAnswer): GroupCallOutcome {
  const { leftOut, unwilling, group, invitation, admins, time } = given;
  const rest = {
    ...(leftOut !== undefined && { leftOut: leftOut.map(fromText) }),
    ...(unwilling !== undefined && { unwilling: unwilling.map(fromText) }),
    ...(group !== undefined && { group: fromText(group) }),
    ...(invitation !== undefined && { invitation: invitationOf(invitation) }),
    ...(admins !== undefined && { admins: admins.map(fromText) }),
    ...(time !== undefined && { time: BigInt(time) }),
  };
  switch (given.result) {
    case "stored":
      return {
        result: "stored",
        entries: given.entries.map(storedEntry),
        versionBefore: BigInt(given.versionBefore),
        version: BigInt(given.version),
        ...rest,
      };
    case "full":
      return { result: "full", bound: given.bound, ...rest };
    default:
      return { result: given.result, ...rest };
  }
}

function storedEntry(given: EntryAnswer): StoredEntry {
  const { kind, count, isOff } = given;
  const accounts = given.accounts.map(fromText);
  return {
    entry: {
      entryId: BigInt(given.entryId),
      kind,
      refersTo: BigInt(given.refersTo),
      actor: fromText(given.actor),
      time: BigInt(given.time),
      account: fromText(given.account),
      group: fromText(given.group),
      reaction: "",
      isOff,
      detail: detailOf({ kind, accounts, count, value: BigInt(given.value) }),
    },
    previousEntryId: BigInt(given.previousEntryId),
    isQuiet: given.isQuiet,
  };
}

function invitationOf({ code, expiresAt, usesLeft, account }: NonNullable<Rest["invitation"]>): Invitation {
  return { code: fromText(code), expiresAt: BigInt(expiresAt), usesLeft, account: fromText(account) };
}

/** A GroupView of roost.group_view. */
type ViewAnswer = Omit<GroupView, "createdAt" | "role" | "mutedUntil"> & {
  readonly createdAt: string;
  /** The number of a GroupRole. */
  readonly role: number;
  readonly mutedUntil: string;
};

/** `json`: what roost.group_view returns. */
export function groupView(json: string): GroupView {
  const given: ViewAnswer = JSON.parse(json);
  return {
    ...given,
    id: fromText(given.id),
    name: fromText(given.name),
    avatar: fromText(given.avatar),
    introduction: fromText(given.introduction),
    announcement: fromText(given.announcement),
    owner: fromText(given.owner),
    createdAt: BigInt(given.createdAt),
    role: roleOf(given.role),
    mutedUntil: BigInt(given.mutedUntil),
    alias: fromText(given.alias),
  };
}

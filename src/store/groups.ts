// The contract of a store for groups beyond membership (store.ts): roles, mutes, settings, invitations, requests to
// join, pinned messages. The specification is proto/README.md, section 5; who may do what is group-rights.ts.
//
// Every change that everybody sees is an entry of the log (conversations.ts), which takes an id of the same sequence in
// the transaction that commits the change and decides the rights. Of a change of membership that id is the group's
// version and the bound of windows, too: an account sees the entry that added it and the one that removed it. Other
// changes leave the group's version as it is. Entries hold numbers of accounts, never a text.

import type { ConversationName, Entry, GroupEntryDetail, HistoryQuery } from "./conversations.ts";
import type { GroupRight, GroupRole } from "./group-rights.ts";

/** An entry that was stored, and what a push of it needs. */
export interface StoredEntry {
  readonly entry: Entry & { readonly detail: GroupEntryDetail };
  /** The entry before this one that is not quiet, in the group's list or the partner's; 0n if none. */
  readonly previousEntryId: bigint;
  /**
   * A change of membership that left more than `quietMembersMax` members: no `previousEntryId` names it, and only the
   * accounts concerned and the actor are pushed it.
   */
  readonly isQuiet: boolean;
}

/** `unchanged`: it was so already; nothing was stored. The others are why it was refused. */
export type RefusedRight = Exclude<GroupRight, "allowed">;

/** `full` names the limit or the fixed bound. */
export type Refused = { readonly result: RefusedRight } | { readonly result: "full"; readonly bound: string };

export type GroupOutcome =
  | {
      readonly result: "stored";
      /** One; two of an update that changes texts and settings. */
      readonly entries: readonly StoredEntry[];
      /** The group's version before and after; equal unless the membership changed. */
      readonly versionBefore: bigint;
      readonly version: bigint;
    }
  | Refused;

export interface OfGroup {
  readonly app: string;
  readonly group: string;
  readonly actor: string;
}

/** What is undefined stays. At least one is defined; texts are within their bounds. */
export type GroupUpdate = OfGroup & {
  readonly kind: "update";
  readonly name?: string;
  readonly avatar?: string;
  readonly introduction?: string;
  readonly announcement?: string;
  readonly isClosed?: boolean;
  readonly hasApproval?: boolean;
  readonly isForAdmins?: boolean;
};

/** A change of a group, or of one of its members. */
export type GroupChange =
  | GroupUpdate
  /** Beyond `groupAdminsMax` admins: `full`. A role that is in force already: `unchanged`. */
  | (OfGroup & { readonly kind: "role"; readonly account: string; readonly role: "member" | "admin" })
  /**
   * The former owner becomes an admin; `full` if that is one beyond `groupAdminsMax`. Whoever becomes the owner, also
   * of one who leaves, is muted no longer.
   */
  | (OfGroup & { readonly kind: "transfer"; readonly account: string })
  /**
   * `until`: seconds since 1970 by the store's clock; what has passed counts as 0n, which ends the mute. A mute stays
   * with the account when it leaves and comes back.
   */
  | (OfGroup & { readonly kind: "mute"; readonly account: string; readonly until: bigint })
  | (OfGroup & { readonly kind: "alias"; readonly alias: string })
  /**
   * Writes the id of its entry into the group's row: every window ends there, whatever its row says, and the group
   * counts as without members. Housekeeping closes the rows later, in slices, and so frees its members' counts.
   */
  | (OfGroup & { readonly kind: "dismiss" });

/** Up to `groupAddMax` accounts, without duplicates and without the actor. */
export interface MembersRequest extends OfGroup {
  readonly accounts: readonly string[];
}

/**
 * Slices of `sliceMembersMax` accounts commit one by one, each with an entry of its own if it changed something. What
 * was stored before a slice is refused stays. `outcomes` has those that were stored, in order; the last may be why the
 * rest was refused.
 */
export interface AddOutcome {
  readonly outcomes: readonly GroupOutcome[];
  /** They are in the maximum number of groups that others have put them in. */
  readonly leftOut: readonly string[];
  /** Their settings or blocks do not let the actor add them. */
  readonly unwilling: readonly string[];
}

/** A pin of a message, or its end. `full` beyond `pinnedMessagesMax` in the conversation. */
export interface PinChange extends ConversationName {
  readonly app: string;
  readonly actor: string;
  /** Of this conversation, readable by the actor and not recalled; else `notFound`. */
  readonly messageId: bigint;
  readonly isOff: boolean;
}

export interface InvitationDraft extends OfGroup {
  /** 128 random bits in base 62, chosen by the caller. */
  readonly code: string;
  /** How long it is valid, in seconds, by the store's clock. */
  readonly validSeconds: number;
  /** 0: any number. */
  readonly uses: number;
}

export interface Invitation {
  readonly code: string;
  /** Seconds since 1970. */
  readonly expiresAt: bigint;
  /** 0: any number. */
  readonly usesLeft: number;
  /** Who made it; it is valid while its maker is the owner or an admin. */
  readonly account: string;
}

export interface JoinRequest {
  readonly account: string;
  readonly text: string;
  /** Seconds since 1970. It is gone after `joinRequestDays`. */
  readonly time: bigint;
}

export interface Page<T> {
  readonly result: "found";
  readonly items: readonly T[];
  readonly hasMore: boolean;
}

export interface MembersQuery extends Omit<OfGroup, "actor"> {
  readonly asker: string;
  /**
   * The last account of the page before; '' for the first page. The order is that of the accounts' numbers, so it stays
   * a position when that account has left.
   */
  readonly after: string;
  /** 0: the group alone. */
  readonly limit: number;
  readonly isAdminsOnly: boolean;
}

/** A member of a page. */
export interface PagedMember {
  readonly account: string;
  readonly alias: string;
  readonly role: GroupRole;
  /** Seconds since 1970. */
  readonly joinTime: bigint;
  /** Seconds since 1970; 0n if the member is not muted now. */
  readonly mutedUntil: bigint;
}

/** A group as one of its members sees it. */
export interface GroupView {
  readonly id: string;
  readonly name: string;
  readonly avatar: string;
  readonly introduction: string;
  readonly announcement: string;
  readonly owner: string;
  /** Seconds since 1970. */
  readonly createdAt: bigint;
  readonly isClosed: boolean;
  readonly hasApproval: boolean;
  readonly isForAdmins: boolean;
  readonly memberCount: number;
  /** The asker's own. */
  readonly role: GroupRole;
  readonly mutedUntil: bigint;
  readonly alias: string;
  /** For the owner and admins; 0 for others, and in pages of groups. */
  readonly requestCount: number;
}

/** A page of members; `forbidden` to who is none. */
export type MembersAnswer =
  | (Page<PagedMember> & { readonly group: GroupView })
  | { readonly result: "forbidden" | "notFound" };

/** A group that is found by the beginning of its id. */
export interface NamedGroup {
  readonly id: string;
  /** Milliseconds since 1970, by the store's clock. */
  readonly createdMs: number;
  /** Its creation is not complete. */
  readonly isUnfinished: boolean;
  /** It was dismissed, or all members have left, or its creation was given up. */
  readonly hasEnded: boolean;
}

/** All of them are isolated by app: what belongs to another app does not exist. */
export interface GroupStore {
  change(change: GroupChange): Promise<GroupOutcome>;
  add(request: MembersRequest): Promise<AddOutcome>;
  /** In slices, as `add`; an admin, or the owner, among the accounts of a slice that may not be removed refuses it. */
  remove(request: MembersRequest): Promise<readonly GroupOutcome[]>;

  /**
   * `notFound` for a code that does not exist, is used up, expired or revoked, or whose maker is no admin any more.
   * `unchanged` for a member, also if that was the last one to use it: it may ask again.
   */
  joinInvited(app: string, account: string, code: string): Promise<GroupOutcome & { readonly group?: string }>;
  /**
   * `full` beyond `invitationsPerGroup` valid ones of the group. Those that have expired, or whose maker is no admin
   * any more, make room: they are gone, also if the maker becomes one again.
   */
  invite(draft: InvitationDraft): Promise<{ readonly result: "stored"; readonly invitation: Invitation } | Refused>;
  /** `unchanged` if there is no such invitation of the group. */
  revokeInvitation(group: OfGroup, code: string): Promise<{ readonly result: "stored" } | Refused>;
  invitations(group: OfGroup): Promise<Page<Invitation> | Refused>;

  /** Stores a request to join, or replaces the text of one: `unchanged`. `admins`, and the owner, are to be told. */
  request(
    request: OfGroup & { readonly text: string },
  ): Promise<{ readonly result: "stored"; readonly admins: readonly string[]; readonly time: bigint } | Refused>;
  /** `unchanged` without a request. */
  withdraw(group: OfGroup): Promise<{ readonly result: "stored"; readonly admins: readonly string[] } | Refused>;
  /** The oldest account number first, after the account `after`. */
  requests(group: OfGroup, after: string, limit: number): Promise<Page<JoinRequest> | Refused>;
  /**
   * Ends a request; if accepted, its account becomes a member by itself (it counts as a group that it joined).
   * `notFound` without a request, `unchanged` for accepting a member. `entries` is empty for a refusal.
   */
  answer(answer: OfGroup & { readonly account: string; readonly isAccepted: boolean }): Promise<GroupOutcome>;

  pin(change: PinChange): Promise<GroupOutcome>;
  /**
   * A body of `HistoryResp`: the newest pin first, without what the account may not read. `notFound` to who is not in
   * the group, and without such a direct conversation.
   */
  pinned(query: Pick<HistoryQuery, "app" | "account" | "toGroup" | "dest">): Promise<Uint8Array | "notFound">;

  /** Groups of an account in the order of their numbers, after the group `after`, which it may have left. */
  groups(app: string, account: string, after: string, limit: number): Promise<Page<GroupView>>;
  members(query: MembersQuery): Promise<MembersAnswer>;
  /** At most `limit` groups whose ids begin with these hexadecimal digits and go on with others, the newest first. */
  beginningWith(app: string, digits: string, limit: number): Promise<readonly NamedGroup[]>;
}

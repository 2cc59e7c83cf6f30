// The message store: messages, groups, acknowledgements. Any engine behind this interface gives these guarantees:
//
// - A promise that resolves with `stored` means committed: it survives kill -9 of every process and, with the default
//   durability, a power cut.
// - Message ids follow the order of commits over all writers of one store: whoever has read up to an id never finds a
//   smaller one later. Joining, leaving and creating groups take ids of the same sequence.
// - What arrives while a commit runs is committed together by the next one.
// - A dependency that fails (disk full, file gone) rejects with StoreUnavailable; service returns by itself.
// - Everything is kept apart by `app`.

import type { StoreIdentity } from "../auth/store-ownership.ts";
import type { Revocation, StoredRevocation } from "../wire/revocations.ts";

/** The store cannot serve now; the request may be repeated. Answered to clients as SystemException. */
export class StoreUnavailable extends Error {
  override readonly name: string = "StoreUnavailable";
}

/** What the request needs is damaged for good; other requests can be served. */
export class StoreDamaged extends StoreUnavailable {
  override readonly name = "StoreDamaged";
}

/** A message that wants to be stored. */
export interface Talk {
  readonly app: string;
  readonly sender: string;
  /** True: `dest` is a group's id. False: an account. */
  readonly toGroup: boolean;
  readonly dest: string;
  /** The client's business: any int32. */
  readonly type: number;
  readonly body: string;
  readonly extra: string;
  /** '' or the client's key for this talk: the same (app, sender, clientId) within 24 hours stores nothing new. */
  readonly clientId: string;
  /** True: it is stored only if somebody has used the receiver's account, or written to it, before. */
  readonly toKnown?: boolean;
}

/** What became of a talk. */
export type TalkOutcome =
  | {
      readonly result: "stored";
      readonly messageId: bigint;
      /** Nanoseconds since 1970. */
      readonly sendTime: bigint;
      /** The message before this one in the receiver's direct messages, or in the group; 0n if none. */
      readonly previousId: bigint;
      /** The id of the group's last change of membership; 0n for a direct message. */
      readonly groupVersion: bigint;
      /** True: an earlier talk with this clientId; nothing was stored now. */
      readonly repeated: boolean;
      /** False only for a repeat: another writer (the id's node number is not this one's) stored it. */
      readonly writtenHere: boolean;
      /** Nobody had used the receiver's account, or written to it, before. */
      readonly madeAccount: boolean;
    }
  /** The sender is not in that group; there is no such group; the clientId names another talk; `toKnown` keeps it out. */
  | { readonly result: "forbidden" | "notFound" | "conflict" | "unknown" };

/** One line of the offline index. */
export interface IndexEntry {
  readonly messageId: bigint;
  /** 0 received, 1 sent. */
  readonly direction: 0 | 1;
  readonly sendTime: bigint;
  /** The other side: the sender of what was received; the receiver of what was sent (in a group the sender). */
  readonly otherAccount: string;
  /** '' for a direct message. */
  readonly group: string;
}

export interface IndexQuery {
  readonly app: string;
  readonly account: string;
  readonly device: string;
  /** Entries above this id; 0n: above the last id that this account acknowledged on this device, else 15 days back. */
  readonly after: bigint;
  readonly includeSent: boolean;
  /** At most this many, the smallest ids first. */
  readonly limit: number;
}

export interface GroupDraft {
  readonly app: string;
  /** 128 random bits in base 62, made by the caller. */
  readonly id: string;
  readonly name: string;
  readonly avatar: string;
  readonly introduction: string;
  readonly owner: string;
  /** Without duplicates and without the owner, who is a member anyway. */
  readonly members: readonly string[];
  readonly closed: boolean;
}

export interface GroupMember {
  readonly account: string;
  readonly alias: string;
  readonly avatar: string;
  /** Seconds since 1970. */
  readonly joinTime: bigint;
}

export interface GroupDetail {
  readonly id: string;
  readonly name: string;
  readonly avatar: string;
  readonly introduction: string;
  readonly owner: string;
  /** Seconds since 1970. */
  readonly createdAt: bigint;
  readonly closed: boolean;
  /** In the order of joining. */
  readonly members: readonly GroupMember[];
}

/** A change of membership: who asks (`actor`) may be the account itself or the group's owner. */
export interface MembershipChange {
  readonly app: string;
  readonly group: string;
  readonly actor: string;
  readonly account: string;
}

export type MembershipOutcome =
  /** `unchanged`: it was so already (joined twice, left twice). versionBefore and version are groupVersions. */
  | { readonly result: "changed"; readonly versionBefore: bigint; readonly version: bigint }
  | { readonly result: "unchanged" }
  /** Not the account itself nor the owner, a stranger joining a closed group, quitting where one never was a member. */
  | { readonly result: "forbidden" | "notFound" }
  /** The group has as many members, or the account is in as many groups, as `limit` allows. */
  | { readonly result: "full"; readonly limit: "groupsPerAccount" | "groupsPutPerAccount" | "groupMembers" };

export type CreateOutcome =
  /** `leftOut`: those of the members whom others have put in as many groups as may be; the group is without them. */
  | { readonly result: "created"; readonly version: bigint; readonly leftOut: readonly string[] }
  /** The owner has created or joined as many groups as may be; nothing is created. */
  | { readonly result: "full" };

/** The current members of a group, as of `version`. */
export interface Membership {
  readonly version: bigint;
  readonly accounts: readonly string[];
}

/** What became of a kick or a revocation; `full`: the store keeps as many as `revocations` allows. */
export type RevokeOutcome = { readonly result: "stored"; readonly id: bigint } | { readonly result: "full" };

/** What a store knows about its clock; milliseconds. */
export interface StoreClock {
  /** How far the last id is ahead of the clock, which was set back; 0: it is not. */
  readonly idsAheadMs: number;
  /** How long nothing is deleted at least, because the retention's horizon would jump (horizon.ts); 0: it does not wait. */
  readonly purgeWaitMs: number;
}

export interface Store {
  /**
   * Stores talks in their order; outcome i belongs to talk i. Two calls commit in the order of the calls.
   * Whether a sender is a member of a group is decided inside the transaction that commits.
   */
  append(talks: readonly Talk[]): Promise<readonly TalkOutcome[]>;

  /** Moves the cursor of (app, account, device) forward, never back. `future`: no such id is committed yet; refused. */
  acknowledge(app: string, account: string, device: string, messageId: bigint): Promise<"done" | "future">;

  /** Messages to (and, if asked, from) an account in id order: direct ones, and those of its windows in groups. */
  index(query: IndexQuery): Promise<readonly IndexEntry[]>;

  /**
   * In the order of `messageIds`, leaving out what the account may not read or does not exist: the body of an answer as clients
   * get it (`encodeContents`), because it may have megabytes that nobody else looks at.
   */
  contents(app: string, account: string, messageIds: readonly bigint[]): Promise<Uint8Array>;

  /**
   * Creates a group, unseen by anybody until it is complete: members enter in several transactions, so that others' talks
   * need not wait for thousands. One that a crash leaves incomplete is never seen.
   */
  createGroup(draft: GroupDraft): Promise<CreateOutcome>;
  join(change: MembershipChange): Promise<MembershipOutcome>;
  /**
   * The owner's leaving hands the group to its longest member; the last one's leaving closes it for good. Whoever has left
   * before and leaves again changes nothing.
   */
  quit(change: MembershipChange): Promise<MembershipOutcome>;
  /** For members only. */
  groupDetail(
    app: string,
    group: string,
    asker: string,
  ): Promise<
    { readonly result: "found"; readonly detail: GroupDetail } | { readonly result: "forbidden" | "notFound" }
  >;
  /** For dispatching: no rights are checked. Undefined: no such group. */
  membership(app: string, group: string): Promise<Membership | undefined>;

  /**
   * Keeps a kick or a revocation, in place of an earlier one of the same kind for the same account and device; the later of
   * both times counts. It takes an id. A kick that is 30 days old makes room for others.
   */
  revoke(revocation: Revocation): Promise<RevokeOutcome>;
  /** Kicks and revocations with ids above `after`, the smallest first, at most `limit`. */
  revocations(after: bigint, limit: number): Promise<readonly StoredRevocation[]>;

  /** Which store it is; undefined until that is known, which takes an engine that answers. */
  readonly identity: StoreIdentity | undefined;
  /**
   * Makes these fingerprints the owner's, in place of the former ones; this process is known by them alone from then on. Rejects
   * with StoreUnavailable.
   */
  setOwners(fingerprints: readonly string[]): Promise<void>;
  /** This process is known by these fingerprints, too. */
  claimAs(fingerprints: readonly string[]): void;
  /**
   * Tells when the content has been replaced (restored from a backup, say): what was concluded from former answers is worth
   * nothing. Returns the function that ends the watching.
   */
  watchReplacement(listener: () => void): () => void;

  /** False while the store cannot commit (said by /health). */
  readonly isHealthy: boolean;
  /** Why it cannot commit, or what of it is damaged, as a sentence for the operator (said by /health); '' when all is well. */
  readonly trouble: string;
  /** As of the last look, a minute ago at most. It never makes the store unhealthy. */
  readonly clock: StoreClock;
  /** Commits what is queued, gives the node number back and closes. */
  close(): Promise<void>;
}

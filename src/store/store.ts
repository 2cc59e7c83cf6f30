// The message store: messages, groups, acknowledgements. Every engine guarantees:
//
// - A promise that resolves with `stored` means committed: the message survives kill -9 of every process and, with the
//   default durability, a power failure.
// - Message ids follow the order of commits over all writers of a store: a reader that has read up to an id never finds
//   a smaller one later. Joining, leaving and creating groups take ids of the same sequence.
// - Calls that arrive during a commit are committed together by the next one.
// - A failed dependency (disk full, file missing) rejects with StoreUnavailable; the store recovers by itself.
// - Apps are isolated from each other.

import type { StoreIdentity } from "../auth/store-ownership.ts";
import { memberChangesMax } from "../base/limits/fixed.ts";
import type { BackEndStore } from "./back-end.ts";
import type { ConversationStore, GroupEntryDetail } from "./conversations.ts";
import type { GroupStore, StoredEntry } from "./groups.ts";
import type { MediaItem, MediaStore } from "./media.ts";
import type { PeopleStore } from "./people.ts";
import type { RevocationStore } from "./revocations.ts";
import type { StoreReplication } from "./store-replication.ts";
import type { StoreSize } from "./store-size.ts";

/** The store cannot serve now; the request may be retried. Clients receive SystemException. */
export class StoreUnavailable extends Error {
  override readonly name: string = "StoreUnavailable";
}

/** The request needs damaged content; other requests can be served. */
export class StoreDamaged extends StoreUnavailable {
  override readonly name = "StoreDamaged";
}

export interface Talk {
  readonly app: string;
  readonly sender: string;
  /** True: `dest` is a group's id. False: an account. */
  readonly toGroup: boolean;
  readonly dest: string;
  /** Chosen by the client: any int32. */
  readonly type: number;
  readonly body: string;
  readonly extra: string;
  /** '' or the client's key: a repetition of (app, sender, clientId) within 24 hours stores nothing. */
  readonly clientId: string;
  /** Stores the message only if the receiver's account is known: it was used, or written to, before. */
  readonly toKnown?: boolean;
  /** Accounts without duplicates, or ["*"]: everybody in the group. In a direct conversation only its two accounts. */
  readonly mentions?: readonly string[];
  /** A message of the same conversation that the sender may read; 0n if none. */
  readonly replyTo?: bigint;
  /** Without duplicates; the store looks at their ids, and receivers are shown the rest. */
  readonly media?: readonly MediaItem[];
  /** Whether there is a direct conversation of the two, if `prepare` had to look. */
  readonly hasConversation?: boolean;
}

export type TalkOutcome =
  | {
      readonly result: "stored";
      readonly messageId: bigint;
      /** Nanoseconds since 1970. */
      readonly sendTime: bigint;
      /** The message before this one in the receiver's direct messages, or in the group; 0n if none. */
      readonly previousId: bigint;
      /** The entry before this message in the receiver's list of entries, or in the group's; 0n if none. */
      readonly previousEntryId: bigint;
      /** The id of the group's last change of membership; 0n for a direct message. */
      readonly groupVersion: bigint;
      /** True for a repeated clientId: nothing was stored now. */
      readonly repeated: boolean;
      /** False only for a repetition that another writer (by the id's node number) stored. */
      readonly writtenHere: boolean;
      /** The receiver's account was created: it had never been used or written to. */
      readonly madeAccount: boolean;
    }
  /**
   * Not a member of the group; no such group; the clientId is another message's; excluded by `toKnown`; a mention of
   * somebody who is not in the conversation; a mention of everybody by who is no admin; a reply to no message of this
   * conversation; the sender is muted, or everybody but the group's admins is; the receiver does not let the sender;
   * media that are not the sender's own, complete and kept.
   */
  | {
      readonly result:
        | "forbidden"
        | "notFound"
        | "conflict"
        | "unknown"
        | "mentionOfStranger"
        | "mentionOfAll"
        | "replyElsewhere"
        | "muted"
        | "forAdmins"
        | "unwilling"
        | "mediaUnusable";
    };

export interface IndexEntry {
  readonly messageId: bigint;
  /** 0 received, 1 sent. */
  readonly direction: 0 | 1;
  readonly sendTime: bigint;
  /** The sender of a received message; the receiver of a sent one (in a group the sender). */
  readonly otherAccount: string;
  /** '' for a direct message. */
  readonly group: string;
}

export interface IndexQuery {
  readonly app: string;
  readonly account: string;
  readonly device: string;
  /** Entries above this id. 0n: above the last id that this device acknowledged, else of the last 15 days. */
  readonly after: bigint;
  readonly includeSent: boolean;
  /** The maximum number of entries; the smallest ids first. */
  readonly limit: number;
}

/** A message or another entry of the log, as an account with the feature `conversations` reads it. */
export interface LogEntry extends IndexEntry {
  /** See `entryKind`; the id of another entry than a message is in `messageId`. */
  readonly kind: number;
  /** The message that an entry is about; 0n for a message. */
  readonly refersTo: bigint;
  readonly mentions: readonly string[];
  readonly replyTo: bigint;
  /** Absent if there are none. */
  readonly media?: readonly MediaItem[];
  readonly reaction: string;
  readonly isOff: boolean;
  /** Of a change of a group. */
  readonly detail?: GroupEntryDetail;
}

export interface LogQuery extends IndexQuery {
  /** Entries that are not messages, too. */
  readonly includeEvents: boolean;
}

export interface LogPage {
  readonly entries: readonly LogEntry[];
  /** The last id of the store as of this answer. */
  readonly lastId: bigint;
  /** More than `missedEntriesMax` entries wait, or the cursor is another store's: `entries` is empty. */
  readonly isReset: boolean;
}

export interface GroupDraft {
  readonly app: string;
  /** 128 random bits in base 62, chosen by the caller. */
  readonly id: string;
  readonly name: string;
  readonly avatar: string;
  readonly introduction: string;
  readonly owner: string;
  /** Without duplicates and without the owner, who is a member implicitly. */
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

/** A change of membership. `actor` requests it: the account itself, or the group's owner. */
export interface MembershipChange {
  readonly app: string;
  readonly group: string;
  readonly actor: string;
  readonly account: string;
}

export type MembershipOutcome =
  /** `unchanged`: a repeated join or quit. versionBefore and version are groupVersions. */
  | {
      readonly result: "changed";
      readonly versionBefore: bigint;
      /** The id of the entry, too. */
      readonly version: bigint;
      /** What a push of the entry needs. */
      readonly entry: Pick<StoredEntry, "previousEntryId" | "isQuiet"> & { readonly time: bigint };
    }
  | { readonly result: "unchanged" }
  /**
   * See rightInGroup. `forbidden` also for a closed group from engines without GroupStore. A member that is added by
   * another has to let it.
   */
  | { readonly result: "forbidden" | "notFound" | "closed" | "approval" | "unwilling" }
  /** The group's members, or the account's groups, have reached `limit`. */
  | { readonly result: "full"; readonly limit: "groupsPerAccount" | "groupsPutPerAccount" | "groupMembers" };

export type CreateOutcome =
  /**
   * `leftOut`: members that were not added, because others have put them into the maximum number of groups, or because
   * they do not let the owner. `version` is the id of the entry, too; `time` is absent from engines without GroupStore.
   */
  | {
      readonly result: "created";
      readonly version: bigint;
      readonly leftOut: readonly string[];
      /** One of `leftOut` was so because of that number. */
      readonly isAnyFull: boolean;
      readonly time: bigint;
    }
  /** The owner has created or joined the maximum number of groups; nothing is created. */
  | { readonly result: "full" };

/** An account joined (`isMember`) or left a group; `version` is the groupVersion since then. */
export interface MemberEvent {
  readonly account: string;
  readonly isMember: boolean;
  readonly version: bigint;
}

export interface Membership {
  readonly version: bigint;
  readonly accounts: readonly string[];
  /** The changes after `since`, in the order of their versions. */
  readonly changes: readonly MemberEvent[];
  /** As requested; later if more than `memberChangesMax` changes followed. */
  readonly since: bigint;
}

/** The membership whose changes after `since` are `events`, which may be in any order and more than can be told. */
export function membershipOf(
  version: bigint,
  accounts: readonly string[],
  events: MemberEvent[],
  since: bigint,
): Membership {
  events.sort((one, other) => (one.version < other.version ? -1 : 1));
  const dropped = events.splice(0, Math.max(0, events.length - memberChangesMax)).at(-1);
  return { version, accounts, changes: events, since: dropped?.version ?? (since < version ? since : version) };
}

/** The state of a store's clock, in milliseconds. */
export interface StoreClock {
  /** How far the last id is ahead of the clock, after it was set back; 0 if it is not. */
  readonly idsAheadMs: number;
  /** The minimum time without deletions, because the retention's horizon would jump (horizon.ts); 0 if none. */
  readonly purgeWaitMs: number;
}

export interface Store extends ConversationStore, RevocationStore {
  readonly groups: GroupStore;
  readonly people: PeopleStore;
  readonly backEnd: BackEndStore;
  readonly media: MediaStore;

  /**
   * Stores messages in order; outcome i belongs to message i. Calls commit in their order. The committing transaction
   * checks whether a sender is a member of the group.
   */
  append(talks: readonly Talk[]): Promise<readonly TalkOutcome[]>;
  /**
   * Reads what the store has to know before it appends a talk, and returns the talk with it; undefined if that is
   * nothing. A talk that was not prepared may let others wait. Talks of one sender to one receiver are prepared in
   * their order.
   */
  prepare(talk: Talk): Promise<Talk> | undefined;

  /** Moves the cursor of (app, account, device) forward, never back. `future`: refused, no such id is committed. */
  acknowledge(app: string, account: string, device: string, messageId: bigint): Promise<"done" | "future">;

  /** Returns messages to (and optionally from) an account in the order of ids: direct ones, and those of its groups. */
  index(query: IndexQuery): Promise<readonly IndexEntry[]>;

  /**
   * The same for clients with the feature `conversations`: without a cursor and without an ack it begins at the last
   * id, since lists and history give what was before.
   */
  entries(query: LogQuery): Promise<LogPage>;

  /**
   * Returns contents in the order of `messageIds`, without those that do not exist or that the account may not read,
   * encoded as the body of a response (`encodeContents`): it may have megabytes that no other code reads.
   */
  contents(app: string, account: string, messageIds: readonly bigint[]): Promise<Uint8Array>;

  /**
   * Creates a group, which is invisible until it is complete: members are added in several transactions, so that
   * messages do not wait for thousands. A group that a crash leaves incomplete stays invisible.
   */
  createGroup(draft: GroupDraft): Promise<CreateOutcome>;
  join(change: MembershipChange): Promise<MembershipOutcome>;
  /**
   * If the owner leaves, the member of longest standing becomes the owner; if the last member leaves, the group is
   * closed for good. A repeated quit changes nothing.
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
  /**
   * Returns the members for dispatching, and who joined or left after the id `since` (default: no changes), without
   * checking rights; undefined if there is no such group, or all have left.
   */
  membership(app: string, group: string, since?: bigint): Promise<Membership | undefined>;

  /** Which store it is; undefined until the engine has answered. */
  readonly identity: StoreIdentity | undefined;
  /** Replaces the owner's fingerprints, which become this process's only ones. Rejects with StoreUnavailable. */
  setOwners(fingerprints: readonly string[]): Promise<void>;
  /** Adds fingerprints to this process's claim. */
  claimAs(fingerprints: readonly string[]): void;
  /**
   * Calls `listener` whenever the content has been replaced (for example restored from a backup), which invalidates
   * caches of earlier answers. Returns a function that removes the listener.
   */
  watchReplacement(listener: () => void): () => void;

  /** False while the store cannot commit (see /health). */
  readonly isHealthy: boolean;
  /** Messages come faster than they can be committed, or did so a moment ago: who can wait gives way to them. */
  readonly isSaturated: boolean;
  /** Why it cannot commit, or what is damaged, for the operator (see /health); '' if there is no trouble. */
  readonly trouble: string;
  /** Which of several servers is written to; undefined for a store in one place, and until one was found. */
  readonly replication?: StoreReplication | undefined;
  /** As of the last look, at most a minute ago. It never makes the store unhealthy. */
  readonly clock: StoreClock;

  /** The size, measured every minute; undefined before, and if the store cannot be measured. */
  readonly size: StoreSize | undefined;
  /** Commits queued calls, releases the node number and closes the store. */
  close(): Promise<void>;
}

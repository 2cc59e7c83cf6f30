// The contract of a store for what one does with conversations: changes of messages that everybody sees (entries of the
// log), an account's own view of its conversations, read cursors, history and lists. The specification of the commands
// is proto/README.md, section 5; who may do what is rights.ts.
//
// Entries take ids of the same sequence as messages, in the same transaction. They name messages and hold no text.

import type { Consent, GroupRole } from "./group-rights.ts";

/** A conversation as its members name it: the partner's account, or a group. */
export interface ConversationName {
  readonly toGroup: boolean;
  /** An account, or a group's id. */
  readonly dest: string;
}

/** What an entry is; the numbers of `EntryKind` in proto/pkt.proto. Those of groups begin at 16. */
export const entryKind = {
  message: 0,
  edited: 1,
  recalled: 2,
  reacted: 3,
  groupCreated: 16,
  groupUpdated: 17,
  groupJoined: 18,
  groupLeft: 19,
  groupRemoved: 20,
  groupRole: 21,
  groupMuted: 22,
  groupTransferred: 23,
  /** Also in direct conversations. */
  pinned: 24,
  groupDismissed: 25,
  groupSettings: 26,
  groupAlias: 27,
} as const;

/** A change of a message, for everybody in its conversation. */
export type MessageChange = {
  readonly app: string;
  readonly actor: string;
  readonly messageId: bigint;
} & (
  | {
      readonly kind: "edit";
      readonly body: string;
      readonly extra: string;
      /** '' or the client's key: a repetition of (actor, message, clientId) changes nothing. */
      readonly clientId: string;
      /** How old a message may be, by the store's clock; 0 if nobody may edit. */
      readonly windowMs: number;
    }
  | { readonly kind: "recall"; readonly windowMs: number }
  | { readonly kind: "react"; readonly reaction: string; readonly isOff: boolean }
);

/** What an entry of a group says besides its kind and actor: the fields of `EntryDetail` in proto/pkt.proto. */
export interface GroupEntryDetail {
  /** The accounts concerned, the first `entryAccountsMax` of them, and how many there are. */
  readonly accounts: readonly string[];
  readonly count: number;
  /** Of a role, and of a transfer ("owner"). */
  readonly role?: GroupRole;
  /** Of a mute, in seconds since 1970; 0n ends it. */
  readonly until?: bigint;
  /** Of an update and of settings: numbers of `GroupField` in proto/pkt.proto, ascending. */
  readonly fields?: readonly number[];
}

/** An entry that is not a message, for the index and for pushes. */
export interface Entry {
  readonly entryId: bigint;
  readonly kind: number;
  /** The message that it is about; 0n for a change of a group that is about none. */
  readonly refersTo: bigint;
  readonly actor: string;
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  /** The actor's partner in a direct conversation; '' in a group. */
  readonly account: string;
  /** '' in a direct conversation. */
  readonly group: string;
  readonly reaction: string;
  /** A reaction, or a pin, was taken away. */
  readonly isOff: boolean;
  /** Of a change of a group. */
  readonly detail?: GroupEntryDetail;
}

export type ChangeOutcome =
  | {
      readonly result: "stored";
      readonly entry: Entry;
      /** The entry before this one in the list of the actor's partner, or of the group; 0n if none. */
      readonly previousEntryId: bigint;
      /** The id of the group's last change of membership; 0n for a direct conversation. */
      readonly groupVersion: bigint;
    }
  /**
   * In force already: a repeated edit, a second recall, a reaction that is there, or is not there, already. The entry
   * that did it, and its time; 0n if nothing did, or many entries have followed it.
   */
  | { readonly result: "unchanged"; readonly entryId: bigint; readonly time: bigint }
  /** No such message, or not one that the actor may read. */
  | { readonly result: "notFound" }
  /** Not the actor's to change, or the actor may not talk there any more. */
  | { readonly result: "forbidden" }
  /** The message was recalled. */
  | { readonly result: "recalled" }
  /** The message is older than the window. */
  | { readonly result: "late" }
  /** The message has the maximum number of kinds of reactions. */
  | { readonly result: "full" };

/** What an account sets for itself in a conversation; what is undefined stays. */
export interface ConversationSetting extends ConversationName {
  readonly app: string;
  readonly account: string;
  readonly isPinned?: boolean;
  readonly isMuted?: boolean;
  readonly isHidden?: boolean;
  /** Nothing up to this id is shown any more; it only rises. Ids above the last one count as the last one. */
  readonly clearUpTo?: bigint;
}

/** `version`: an id of the sequence; greater than all versions of the account before it. */
export type SettingOutcome =
  | { readonly result: "stored"; readonly version: bigint }
  /** Nothing changed; the version that has it. */
  | { readonly result: "unchanged"; readonly version: bigint }
  /** The account has no such conversation. */
  | { readonly result: "notFound" }
  /** The account has `pinnedMax` pinned conversations, or would have more than `hiddenMax` hidden messages. */
  | { readonly result: "full" };

/** Hides messages from an account; those that it may not read, or does not see any more, are left out silently. */
export interface HideRequest {
  readonly app: string;
  readonly account: string;
  readonly messageIds: readonly bigint[];
}

export interface SettingState extends ConversationName {
  readonly isPinned: boolean;
  readonly isMuted: boolean;
  /** 0n if it is not hidden. */
  readonly hiddenId: bigint;
  readonly clearedTo: bigint;
  readonly version: bigint;
}

/** A block, or its end, which is kept so that the account's other devices learn of it. */
export interface BlockState {
  readonly account: string;
  readonly isOff: boolean;
  readonly version: bigint;
}

export interface ConsentState {
  readonly write: Consent;
  readonly add: Consent;
  /** 0n if they were never set. */
  readonly version: bigint;
}

export interface Profile {
  readonly account: string;
  readonly name: string;
  readonly avatar: string;
  readonly extra: string;
  /** 0n if it was never set. */
  readonly version: bigint;
}

/** What changed in an account's own state after a version. */
export interface AccountState {
  readonly version: bigint;
  readonly settings: readonly SettingState[];
  readonly hiddenMessages: readonly bigint[];
  readonly hasMore: boolean;
  /** Counted against the limit, as settings are. Absent from stores without PeopleStore. */
  readonly blocks?: readonly BlockState[];
  /** Absent if they have not changed. */
  readonly consent?: ConsentState;
  readonly profile?: Profile;
}

export interface HistoryQuery extends ConversationName {
  readonly app: string;
  readonly account: string;
  /** Which messages: below an id, above one, around one (it is in the middle), or the newest. */
  readonly from: { readonly at: "before" | "after" | "around"; readonly id: bigint } | { readonly at: "newest" };
  /** 1 to `historyMax`. */
  readonly limit: number;
  /** Only this message and what answers it, directly or not; 0n for all. */
  readonly thread: bigint;
}

export interface ConversationsQuery {
  readonly app: string;
  readonly account: string;
  /** Conversations with an older activity than this one; 0n for the newest, and the pinned ones before them. */
  readonly before: bigint;
  /** 1 to `conversationsMax`, without the pinned ones. */
  readonly limit: number;
  readonly includeHidden: boolean;
}

export interface ReadMark extends ConversationName {
  readonly app: string;
  readonly account: string;
  /** A message of this conversation that the account may read: anything else is `notFound`. */
  readonly messageId: bigint;
}

export type ReadOutcome =
  /**
   * `readId`: the cursor now. Unchanged if it was there already, or further. `isPrivate`: the account blocks the
   * partner, who is not told.
   */
  | { readonly result: "moved" | "unchanged"; readonly readId: bigint; readonly isPrivate?: boolean }
  /** No such conversation; no message of this store has such an id yet. */
  | { readonly result: "notFound" | "future" };

export type ReadersAnswer =
  | {
      readonly result: "found";
      readonly count: number;
      readonly accounts: readonly string[];
      readonly hasMore: boolean;
    }
  | { readonly result: "notFound" | "forbidden" }
  /** The group has more than `readersGroupMax` members, or the message is older than `readersDays`. */
  | { readonly result: "tooLarge" | "tooOld" };

export interface ReadersQuery {
  readonly app: string;
  readonly account: string;
  readonly messageId: bigint;
  /** The accounts above this one, by their UTF-8 bytes; '' for the first page. */
  readonly after: string;
  readonly limit: number;
}

export interface ConversationStore {
  /**
   * Commits a change of a message and its entry in one transaction, which decides the rights. An edit or recall
   * overwrites the text in the message's row: every read that begins after the promise resolves finds the new one, and
   * nothing keeps the old one.
   */
  change(change: MessageChange): Promise<ChangeOutcome>;

  /** Commits a change of an account's own view. */
  set(setting: ConversationSetting): Promise<SettingOutcome>;
  /** Commits; `unchanged` if nothing was left to hide. */
  hide(request: HideRequest): Promise<SettingOutcome>;
  /**
   * What changed after `since`, in the order of versions, at most `limit` settings and messages. Everything if `since`
   * is beyond the last id, as after a restore.
   */
  accountState(app: string, account: string, since: bigint, limit: number): Promise<AccountState>;

  /**
   * Moves the read cursor of (account, conversation) forward, never back. It may be lost by a crash within a second.
   */
  markRead(mark: ReadMark): Promise<ReadOutcome>;
  /** Which members of a group have read a message: for its author and the members. */
  readers(query: ReadersQuery): Promise<ReadersAnswer>;

  /**
   * The messages of a conversation in the order of ids, as a body of `HistoryResp`; 'notFound' if the account never had
   * such a conversation.
   */
  history(query: HistoryQuery): Promise<Uint8Array | "notFound">;
  /** Messages by id, as a body of `HistoryResp`, in the order asked, without those that the account may not read. */
  messages(app: string, account: string, messageIds: readonly bigint[]): Promise<Uint8Array>;
  /** A page of an account's conversations, newest activity first, as a body of `ConversationListResp`. */
  conversations(query: ConversationsQuery): Promise<Uint8Array>;
}

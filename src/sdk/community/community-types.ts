// What the community shows of groups and people, and what applications subscribe to. The protocol behind it is
// proto/README.md, section 5, "Changes of groups" and what follows there.

import type { Partner } from "../messenger/messenger-types.ts";

/** What a member is in a group. */
export type GroupRole = "member" | "admin" | "owner";

/** What `groupChanged` says of an update: texts of the group, and its settings. */
export type GroupField = keyof GroupUpdate;

/** A group as a member sees it. Immutable: a change makes another object, so that views compare by identity. */
export interface GroupFacts {
  readonly id: string;
  readonly name: string;
  readonly avatar: string;
  readonly owner: string;
  /** As of the last reading, with the joins and leaves that were told since. */
  readonly memberCount: number;
  /** This account's role. */
  readonly role: GroupRole;
  /** Until when this account may not talk; a time that has passed means nothing. Undefined: it is not muted. */
  readonly mutedUntil: Date | undefined;
  /** Whether the owner and admins alone talk. */
  readonly isMuted: boolean;
}

/** A group in the list. Immutable, like GroupFacts. */
export interface GroupState extends GroupFacts {
  /** This account's name in the group; '' for none. */
  readonly alias: string;
}

/** All of a group but its members. Immutable, like GroupFacts. */
export interface GroupDetail extends GroupFacts {
  readonly introduction: string;
  readonly announcement: string;
  readonly createdAt: Date;
  /** Whether only the owner and admins add members, and invitations are the only other way in. */
  readonly isClosed: boolean;
  /** Whether strangers ask to join, and the owner and admins answer. */
  readonly hasApproval: boolean;
  /** For the owner and admins: how many ask to join, as of the last reading. 0 for others. */
  readonly requestCount: number;
}

/** What is to be changed of a group; what is absent stays as it is. Texts have at most 4 KiB of UTF-8 each. */
export interface GroupUpdate {
  /** At least one byte, without control and format characters. */
  readonly name?: string;
  readonly avatar?: string;
  readonly introduction?: string;
  readonly announcement?: string;
  readonly isClosed?: boolean;
  readonly hasApproval?: boolean;
  readonly isMuted?: boolean;
}

export interface GroupMember {
  readonly account: string;
  /** Its name in the group; '' for none. */
  readonly alias: string;
  readonly avatar: string;
  readonly joinedAt: Date;
  readonly role: GroupRole;
  /** As in `GroupFacts`. */
  readonly mutedUntil: Date | undefined;
}

export interface MembersPage {
  readonly members: readonly GroupMember[];
  readonly hasMore: boolean;
}

export interface MembersOptions {
  /** Members a page: 1 to 200; default 200. */
  readonly limit?: number;
  /** Begins behind this account, which may have left. */
  readonly after?: string;
  /** Only the owner and the admins. */
  readonly adminsOnly?: boolean;
}

/** Who was not added, and the entry of those who were. */
export interface AddedMembers {
  /** As the other changes of a group return it; of several entries, the last one. */
  readonly entryId: bigint;
  /** Accounts that others have put into the maximum number of groups. */
  readonly leftOut: readonly string[];
  /** Accounts that do not let this one add them: send them the code of an invitation. */
  readonly unwilling: readonly string[];
}

export interface InviteOptions {
  /** How long it is valid, in milliseconds, rounded up to seconds: at most 366 days; default a week. */
  readonly expiresInMs?: number;
  /** How many accounts can join with it: 1 to 100,000; default any number. */
  readonly usesMax?: number;
}

export interface Invitation {
  /** Whoever knows it can join. */
  readonly code: string;
  readonly expiresAt: Date;
  /** Undefined: any number. */
  readonly usesLeft: number | undefined;
  /** Who made it. It is void once this account is no owner or admin any more. */
  readonly account: string;
}

/** Somebody asks to join a group. */
export interface JoinRequest {
  readonly account: string;
  readonly text: string;
  readonly time: Date;
}

export interface RequestsPage {
  readonly requests: readonly JoinRequest[];
  readonly hasMore: boolean;
}

export interface PageOptions {
  /** Items a page: 1 to 200; default 200. */
  readonly limit?: number;
  /** Begins behind this account. */
  readonly after?: string;
}

/** A change of a group, as the log has it: each once, also those that happened while this device was away. */
export interface GroupChange {
  readonly group: string;
  /**
   * `updated`: texts; `settings`: isClosed, hasApproval, isMuted; `muted`: a member, or its mute has ended; `alias`: a
   * member has another name in the group.
   */
  readonly kind:
    | "created"
    | "updated"
    | "joined"
    | "left"
    | "removed"
    | "role"
    | "muted"
    | "transferred"
    | "dismissed"
    | "settings"
    | "alias";
  /** Who did it; one of `accounts` that joined or left by itself. */
  readonly actor: string;
  /** Whom it concerns: the first 100 of `count` accounts. Of `transferred`, the new owner. */
  readonly accounts: readonly string[];
  readonly count: number;
  /** Of `role`: what the account is from now on. */
  readonly role: GroupRole;
  /** Of `muted`: until when; undefined if the account may talk again. */
  readonly until: Date | undefined;
  /** Of `updated` and `settings`: what is different; `detail()` says how. */
  readonly fields: readonly GroupField[];
  readonly entryId: bigint;
  /** Nanoseconds since 1970, as a message's `sendTime`. */
  readonly time: bigint;
}

/** Whether an account is there. Immutable. */
export interface Presence {
  readonly isOnline: boolean;
  /** On how many devices. */
  readonly devices: number;
  /** When it was online last, to the minute; undefined while it is online, and if that is not known. */
  readonly lastSeen: Date | undefined;
}

/** Accounts that a view shows. */
export interface Watch {
  readonly accounts: readonly string[];
  /**
   * What is known of them: nothing of those that the server has not told of yet. Without a connection, what was known
   * last. Accounts that this one may not watch look as if they were never online. Another map after each change.
   */
  readonly states: ReadonlyMap<string, Presence>;
  /**
   * Resolves when the server has told of all of them; waits for a connection. Resolves as soon as the watch is closed,
   * too: nothing more is told of it.
   * @throws RequestRefused if the server refuses to watch some of them: presence is turned off (Forbidden), it watches
   * too many for this connection (Forbidden), or it has no presence; Disconnected once the client has ended
   */
  ready(): Promise<void>;
  /** Called after each change, once a turn. Returns a function that ends it. */
  onChange(handler: () => void): () => void;
  /** Ends it, and what waits in `ready`. Accounts that no other watch has are watched no more. */
  close(): void;
}

/** Who may do something with an account: everybody, accounts with which it has a direct conversation, or nobody. */
export type Consent = "everybody" | "conversations" | "nobody";

/** Who may do what with this account. */
export interface AccountSettings {
  /** Who may write to it. Everybody, until it is set. */
  readonly write: Consent;
  /** Who may add it to groups. Everybody, until it is set. */
  readonly add: Consent;
}

/** What an account shows of itself, to everybody in its app. Immutable. */
export interface Profile {
  readonly account: string;
  /** '' if it has none. */
  readonly name: string;
  /** '' or a URL of http or https. Others have chosen it: load it without credentials. */
  readonly avatar: string;
  /** The application's own. */
  readonly extra: string;
}

/** What is to be changed of the own profile; what is absent stays as it is. */
export interface ProfileUpdate {
  /** At most 64 characters, without control and format characters. */
  readonly name?: string;
  /** '' or a URL of http or https, at most 512 bytes. */
  readonly avatar?: string;
  /** At most 1 KiB. */
  readonly extra?: string;
}

/** The events of a community. Texts in them come from others: they may hold control and direction characters. */
export interface CommunityEvents {
  /** Somebody, on whatever device, has changed a group of this account, or this account's membership. */
  groupChanged: GroupChange;
  /** The list of groups or what was read of one looks different. Several changes of one turn are one event. */
  groupsChanged: { readonly groups: ReadonlySet<string> };
  /** Somebody has pinned a message for everybody in the conversation, or unpinned it. */
  messagePinned: {
    readonly partner: Partner;
    readonly messageId: bigint;
    readonly actor: string;
    readonly isPinned: boolean;
    readonly entryId: bigint;
    readonly time: bigint;
  };
  /**
   * Somebody asks to join a group whose owner or admin this account is, or does not want to any more. Not if this
   * device was away meanwhile: see `GroupDetail.requestCount`.
   */
  joinRequested: { readonly group: string; readonly request: JoinRequest; readonly isWithdrawn: boolean };
  /** A request of this account to join a group was answered while it was online. */
  joinAnswered: { readonly group: string; readonly isAccepted: boolean };
  /** Watched accounts came or went. Several changes of one turn are one event. */
  presenceChanged: { readonly accounts: ReadonlySet<string> };
  /** Somebody else begins to type in a conversation, or has stopped: sent a message there, or typed nothing for 5 s. */
  typing: { readonly partner: Partner; readonly account: string; readonly isTyping: boolean };
  /** Something for who is online now; all kinds but that of typing. */
  signal: {
    readonly partner: Partner;
    /** This account, if another of its devices sent it. */
    readonly sender: string;
    /** `call.…`: of a call; everything else is the application's own. */
    readonly kind: string;
    readonly body: string;
  };
  /** Profiles that were asked for are there, or are others than before. Several changes of one turn are one event. */
  profilesChanged: { readonly accounts: ReadonlySet<string> };
  /** Blocks, settings or the profile of this account are different: changed here or on another of its devices. */
  accountChanged: { readonly parts: ReadonlySet<"blocks" | "settings" | "profile"> };
}

// The records of exports and imports. Ids and send times are decimal text, as in JSON of protobuf; all other times are
// seconds since 1970. What is undefined has its default: '', 0, false or none.

import { systemAccount } from "../auth/names.ts";
import type { Consent } from "./group-rights.ts";

export interface MessageRecord {
  /** An import gives a new one; `replyTo` of later records may name this one. */
  readonly messageId?: string;
  readonly sender: string;
  /** The receiver; or a group. */
  readonly account?: string;
  readonly group?: string;
  /** Nanoseconds since 1970. */
  readonly sendTime: string;
  readonly type?: number;
  readonly body?: string;
  readonly extra?: string;
  readonly mentions?: readonly string[];
  readonly replyTo?: string;
  readonly edited?: boolean;
  /** It has no text, mentions or reactions. */
  readonly recalled?: boolean;
  /** At most `reactionsExportedMax`. */
  readonly reactions?: readonly ReactionRecord[];
  /** The files that it names. An import passes over them. */
  readonly media?: readonly MediaRecord[];
}

/** A file, without its content. */
export interface MediaRecord {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly size: number;
}

interface ReactionRecord {
  readonly account: string;
  readonly reaction: string;
}

/**
 * A group as it is now. It comes before its members and messages. In the export of an account, a group that it has left
 * has its id alone.
 */
export interface GroupRecord {
  readonly id: string;
  readonly name?: string;
  readonly avatar?: string;
  readonly introduction?: string;
  readonly announcement?: string;
  readonly owner: string;
  readonly createdAt?: number;
  readonly closed?: boolean;
  readonly approval?: boolean;
  /** Only admins talk. */
  readonly muted?: boolean;
  readonly dismissed?: boolean;
}

/** To an account that is no member any more, a group has nothing but its id. */
export function groupThatWasLeft(id: string): GroupRecord {
  return { id, owner: "" };
}

/** A member joins here, or, with a `leaveTime`, leaves. */
export interface MemberRecord {
  readonly group: string;
  readonly account: string;
  readonly role?: "member" | "admin" | "owner";
  readonly alias?: string;
  readonly joinTime?: number;
  readonly leaveTime?: number;
  /** It may not talk before; 0 if it may. A mute stays with a member that leaves and joins again. */
  readonly mutedUntil?: number;
}

export interface ProfileRecord {
  readonly account: string;
  readonly name?: string;
  readonly avatar?: string;
  readonly extra?: string;
}

/** What an account has set for itself. Blocks of several records of an account add up. */
export interface AccountRecord {
  readonly account: string;
  /** Who may write to it, and who may add it to groups. */
  readonly write: Consent;
  readonly add: Consent;
  /** Accounts that it blocks. */
  readonly blocked: readonly string[];
  /** Names of devices that have acknowledged messages. An import passes over them: they begin anew with its ids. */
  readonly devices: readonly string[];
}

/** An account's own view of one of its conversations. It comes behind the messages that it names. */
export interface ConversationRecord {
  readonly account: string;
  /** The partner; or a group. */
  readonly peer?: string;
  readonly group?: string;
  readonly pinned?: boolean;
  readonly muted?: boolean;
  /** It is not in the account's list until something new comes. */
  readonly hidden?: boolean;
  /** The last message of the conversation that the account does not see any more, because it has cleared it. */
  readonly clearedTo?: string;
  /** The last message that it has read. */
  readonly readTo?: string;
}

/**
 * A message that is pinned in its conversation. It comes behind the message, and behind those that were pinned there
 * before it.
 */
export interface PinRecord {
  /** Who pinned it; '' if that account was deleted. */
  readonly account: string;
  readonly messageId: string;
}

/** A valid invitation to a group: whoever has the code may join. */
export interface InvitationRecord {
  readonly group: string;
  readonly code: string;
  /** Who made it. */
  readonly account: string;
  readonly expiresAt: number;
  /** 0: any number. */
  readonly usesLeft: number;
}

/** A request to join a group, which nobody has answered. */
export interface JoinRequestRecord {
  readonly group: string;
  /** Who asks. */
  readonly account: string;
  readonly text: string;
  readonly time: number;
}

/** A file that no message names yet. An import passes over it. */
export interface FileRecord extends MediaRecord {
  /** Whose it is. */
  readonly account: string;
}

/** What the server sets for the system's account is nobody's. */
export function hasSetAnything({ account, write, add, blocked, devices }: AccountRecord): boolean {
  if (account === systemAccount) return false;
  return write !== "everybody" || add !== "everybody" || blocked.length > 0 || devices.length > 0;
}

/** For a record that has none of its parts. */
export const recordKinds =
  "message, group, member, profile, account, conversation, file, pin, invitation and joinRequest";

/** One line. */
export interface DataRecord {
  /** Where an export goes on after it; undefined for an import. */
  readonly cursor?: string;
  readonly message?: MessageRecord;
  readonly group?: GroupRecord;
  readonly member?: MemberRecord;
  readonly profile?: ProfileRecord;
  readonly account?: AccountRecord;
  readonly conversation?: ConversationRecord;
  readonly file?: FileRecord;
  readonly pin?: PinRecord;
  readonly invitation?: InvitationRecord;
  readonly joinRequest?: JoinRequestRecord;
}

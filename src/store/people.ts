// The contract of a store for what accounts let others do, and for what they show of themselves: blocks, settings,
// profiles, presence. The specification is proto/README.md, section 5; the rules are in group-rights.ts.
//
// Blocks, settings and profiles are an account's own: each has a version, an id of the sequence of messages, and
// `accountState` tells them. Each block and setting also moves `guardVersion` of the row of the last id, by which
// writers and chat nodes see that what they remember of them is out of date, without reading more than they do anyway.

import type { ConsentState, ConversationName, Profile, SettingOutcome } from "./conversations.ts";
import type { Consent, GroupRight } from "./group-rights.ts";

export interface OfAccount {
  readonly app: string;
  readonly account: string;
}

/** A block, or its end. */
export interface BlockChange extends OfAccount {
  readonly blocked: string;
  readonly isOff: boolean;
  /** Only of an account that is known already; else `notFound`. */
  readonly toKnown?: boolean;
}

export type BlockOutcome = SettingOutcome & {
  /** The blocked account was made. */
  readonly madeAccount?: boolean;
};

/** What is undefined stays. */
export interface ConsentChange extends OfAccount {
  readonly write?: Consent;
  readonly add?: Consent;
}

/** What is undefined stays. */
export interface ProfileChange extends OfAccount {
  readonly name?: string;
  readonly avatar?: string;
  readonly extra?: string;
}

export interface BlockedPage {
  readonly accounts: readonly string[];
  readonly hasMore: boolean;
}

export type TalkRight = Extract<GroupRight, "allowed" | "notFound" | "forbidden" | "muted" | "forAdmins" | "unwilling">;

/** Whether an account may talk, and the version of the group as of then; 0n of a direct conversation. */
export interface TalkAnswer {
  readonly right: TalkRight;
  readonly groupVersion: bigint;
}

/** A block of any account, for the nodes that tell presence. */
export interface StoredBlock {
  readonly version: bigint;
  readonly app: string;
  /** Who blocks, and whom. */
  readonly account: string;
  readonly blocked: string;
}

/** An account went offline. */
export interface LastSeen extends OfAccount {
  /** Minutes since 1970. */
  readonly minute: number;
}

/** Whose presence an account may watch, as far as a store has looked. */
export interface WatchAnswer {
  /** Those of the decided accounts, in their order, that it may watch. */
  readonly allowed: readonly string[];
  /** How many accounts are decided, the first ones: at least one. */
  readonly decided: number;
  /** How many memberships had to be looked at, to find out whether two accounts share a small group. */
  readonly looked: number;
}

export interface PeopleStore {
  /**
   * Blocks an account, or ends that. An account that nobody has used is made, as by a talk, unless `toKnown`:
   * `notFound`. `full` beyond `blocksPerAccount`; the end of a block is forgotten when its place is needed.
   */
  block(change: BlockChange): Promise<BlockOutcome>;
  /** Those that are blocked now, above `after` by their UTF-8 bytes. */
  blocked(app: string, account: string, after: string, limit: number): Promise<BlockedPage>;
  /** `full` and `notFound` do not occur. */
  setConsent(change: ConsentChange): Promise<SettingOutcome>;
  consent(app: string, account: string): Promise<ConsentState>;

  /** `full` and `notFound` do not occur. */
  setProfile(change: ProfileChange): Promise<SettingOutcome>;
  /** Those of at most `profilesMax` accounts whose version is another than `versions[i]` (0n where it is missing). */
  profiles(app: string, accounts: readonly string[], versions: readonly bigint[]): Promise<readonly Profile[]>;

  /**
   * Whether an account may talk in a conversation now, for signals, which are not stored: as `append` decides.
   * `unwilling`: the receiver does not let it.
   */
  mayTalk(conversation: OfAccount & ConversationName): Promise<TalkAnswer>;

  /**
   * Whose presence of at most `watchAccountsMax` accounts the account may watch. It decides as many as `watchLooksMax`
   * allows: ask again for the rest.
   */
  watchable(app: string, account: string, accounts: readonly string[]): Promise<WatchAnswer>;
  /** The greatest version of a block or setting of any app. Cheap: it is read every second. */
  guardVersion(): Promise<bigint>;
  /** Blocks with versions above `after`, the smallest first. */
  blocksAfter(after: bigint, limit: number): Promise<readonly StoredBlock[]>;
  /**
   * When accounts were online last: each moves forward, never back. It takes no lock of messages; what was marked
   * in the last second may be lost by a crash. Unknown accounts are passed over.
   */
  markSeen(marks: readonly LastSeen[]): Promise<void>;
  /** Minutes since 1970, in the order of the accounts; 0 if it is not known. */
  lastSeen(app: string, accounts: readonly string[]): Promise<readonly number[]>;
}

// The rarer writes of a store as jobs for its writer: changes of messages and of accounts' own views. Ids are decimal
// text. Like jobs.ts, but an outcome is an object: there are few of them.

import type {
  ChangeOutcome,
  ConversationSetting,
  HideRequest,
  MessageChange,
  ReadMark,
  SettingOutcome,
} from "./conversations.ts";
import type {
  GroupChange,
  GroupOutcome,
  Invitation,
  InvitationDraft,
  MembersRequest,
  OfGroup,
  PinChange,
} from "./groups.ts";
import type { KnownPairs } from "./jobs.ts";
import type { MediaCall, MediaOutcome } from "./media.ts";
import type { BlockChange, BlockOutcome, ConsentChange, ProfileChange } from "./people.ts";

interface OfMessage {
  readonly app: string;
  readonly actor: string;
  readonly messageId: string;
}

/** A change of a message; see MessageChange. */
export type MessageChangeJob =
  | (OfMessage & {
      readonly kind: "edit";
      readonly body: string;
      readonly extra: string;
      readonly clientId: string;
      readonly windowMs: number;
    })
  | (OfMessage & { readonly kind: "recall"; readonly windowMs: number })
  | (OfMessage & { readonly kind: "react"; readonly reaction: string; readonly isOff: boolean });

/** See ConversationSetting. */
export interface SetJob extends Omit<ConversationSetting, "clearUpTo"> {
  readonly kind: "set";
  readonly clearUpTo?: string;
  /** The id of the last message that the account sees there, or of its join, where the writer cannot look it up. */
  readonly activityId?: string;
}

/** See HideRequest. */
export interface HideJob extends Omit<HideRequest, "messageIds"> {
  readonly kind: "hide";
  readonly messageIds: readonly string[];
}

/** See ReadMark. */
export interface ReadMarkJob extends Omit<ReadMark, "messageId"> {
  readonly messageId: string;
}

/** See GroupChange. */
export type GroupChangeJob =
  | Exclude<GroupChange, { readonly kind: "mute" }>
  | (Omit<Extract<GroupChange, { readonly kind: "mute" }>, "until"> & { readonly until: string });

/** A call of GroupStore that writes. Times are decimal text, too. */
export type GroupCall =
  | { readonly call: "change"; readonly change: GroupChangeJob }
  /** A slice of at most `sliceMembersMax` accounts. */
  | ({ readonly call: "add" | "remove" } & MembersRequest & KnownPairs)
  | { readonly call: "joinInvited"; readonly app: string; readonly account: string; readonly code: string }
  | ({ readonly call: "invite" } & InvitationDraft)
  | ({ readonly call: "revoke" } & OfGroup & { readonly code: string })
  | ({ readonly call: "request" } & OfGroup & { readonly text: string })
  | ({ readonly call: "withdraw" } & OfGroup)
  | ({ readonly call: "answer" } & OfGroup & { readonly account: string; readonly isAccepted: boolean })
  | ({ readonly call: "pin" } & Omit<PinChange, "messageId"> & { readonly messageId: string });

/** What a call of GroupStore that writes came to; a few of the fields belong to some calls only. */
export type GroupCallOutcome = GroupOutcome & {
  /** Of `add`: see AddOutcome. */
  readonly leftOut?: readonly string[];
  readonly unwilling?: readonly string[];
  /** Of `joinInvited`: the group, if the code is valid. */
  readonly group?: string;
  /** Of `invite`, if it was stored. */
  readonly invitation?: Invitation;
  /** Of `request` and `withdraw`, if it was stored: the owner and the admins. */
  readonly admins?: readonly string[];
  /** Of `request`, likewise, in seconds since 1970. */
  readonly time?: bigint;
};

/** A call of PeopleStore that writes. */
export type PeopleCall =
  | ({ readonly call: "block" } & BlockChange)
  | ({ readonly call: "consent" } & ConsentChange)
  | ({ readonly call: "profile" } & ProfileChange);

export type ChangeJob =
  | MessageChangeJob
  | SetJob
  | HideJob
  | { readonly kind: "group"; readonly call: GroupCall }
  | { readonly kind: "people"; readonly call: PeopleCall }
  | { readonly kind: "media"; readonly call: MediaCall };

/** Outcome i belongs to job i: a SettingOutcome to `set` and `hide`. */
export type ChangeResult =
  | { readonly of: "message"; readonly outcome: ChangeOutcome }
  | { readonly of: "account"; readonly outcome: SettingOutcome }
  | { readonly of: "group"; readonly outcome: GroupCallOutcome }
  | { readonly of: "people"; readonly outcome: BlockOutcome }
  | { readonly of: "media"; readonly outcome: MediaOutcome };

export function messageChangeJob(change: MessageChange): MessageChangeJob {
  return { ...change, messageId: `${change.messageId}` };
}

export function setJob({ clearUpTo, ...setting }: ConversationSetting): SetJob {
  return clearUpTo === undefined ? { kind: "set", ...setting } : { kind: "set", ...setting, clearUpTo: `${clearUpTo}` };
}

export function hideJob({ app, account, messageIds }: HideRequest): HideJob {
  return { kind: "hide", app, account, messageIds: messageIds.map((id) => `${id}`) };
}

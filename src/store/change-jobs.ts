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

export type ChangeJob = MessageChangeJob | SetJob | HideJob;

/** Outcome i belongs to job i: a ChangeOutcome to a change of a message, a SettingOutcome to the others. */
export type ChangeResult =
  | { readonly of: "message"; readonly outcome: ChangeOutcome }
  | { readonly of: "account"; readonly outcome: SettingOutcome };

export function messageChangeJob(change: MessageChange): MessageChangeJob {
  return { ...change, messageId: `${change.messageId}` };
}

export function setJob({ clearUpTo, ...setting }: ConversationSetting): SetJob {
  return clearUpTo === undefined ? { kind: "set", ...setting } : { kind: "set", ...setting, clearUpTo: `${clearUpTo}` };
}

export function hideJob({ app, account, messageIds }: HideRequest): HideJob {
  return { kind: "hide", app, account, messageIds: messageIds.map((id) => `${id}`) };
}

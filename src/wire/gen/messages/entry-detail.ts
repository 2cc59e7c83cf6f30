// pkt.EntryDetail of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool, int32, int64, string, uint32 } from "../../scalars.ts";
import type { GroupField } from "./group-field.ts";
import type { GroupRole } from "./group-role.ts";

/** What an entry says besides its kind, its actor and the message that it is about: never a text. */
export interface EntryDetail {
  /** Of EntryReacted: which reaction, and whether it was taken back. */
  reaction: string;
  off: boolean;
  /** Of changes of a group: the accounts concerned, at most 100 of them, and how many there are. */
  accounts: string[];
  count: number;
  /** Of EntryGroupRole: the role of the account from now on. */
  role: GroupRole;
  /** Of EntryGroupMuted: until when, in seconds since 1970; 0 if the account may talk again. */
  until: bigint;
  /** Of EntryGroupUpdated and EntryGroupSettings: what was changed. */
  fields: GroupField[];
}

export const EntryDetail: MessageType<EntryDetail> = [
  ["reaction", string],
  ["off", bool],
  ["accounts", string, "repeated"],
  ["count", uint32],
  ["role", int32],
  ["until", int64],
  ["fields", int32, "repeated"],
];

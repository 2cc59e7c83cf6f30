// pkt.EntryDetail of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool, string, uint32 } from "../../scalars.ts";

/** What an entry says besides its kind, its actor and the message that it is about: never a text. */
export interface EntryDetail {
  /** Of EntryReacted: which reaction, and whether it was taken back. */
  reaction: string;
  off: boolean;
  /** Of changes of a group: the accounts concerned, at most 100 of them, and how many there are. */
  accounts: string[];
  count: number;
}

export const EntryDetail: MessageType<EntryDetail> = [
  [1, "reaction", string],
  [2, "off", bool],
  [3, "accounts", string, "repeated"],
  [4, "count", uint32],
];

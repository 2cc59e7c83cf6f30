// pkt.EntryResp of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64 } from "../../scalars.ts";

/** Answers to edits, recalls, reactions and changes of groups. A change that is in force already is confirmed with its former entry, or 0. */
export interface EntryResp {
  entryId: bigint;
  time: bigint;
}

export const EntryResp: MessageType<EntryResp> = [
  ["entryId", int64],
  ["time", int64],
];

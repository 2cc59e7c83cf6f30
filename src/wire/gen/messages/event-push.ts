// pkt.EventPush of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int32, int64, string } from "../../scalars.ts";
import type { EntryKind } from "./entry-kind.ts";
import { EntryDetail } from "./entry-detail.ts";

/** Push `chat.event`: an entry that is not a message. */
export interface EventPush {
  entryId: bigint;
  kind: EntryKind;
  refersTo: bigint;
  actor: string;
  time: bigint;
  /** The conversation: the actor's partner, or the group. */
  account: string;
  group: string;
  previousEntryId: bigint;
  detail?: EntryDetail | undefined;
}

export const EventPush: MessageType<EventPush> = [
  [1, "entryId", int64],
  [2, "kind", int32],
  [3, "refersTo", int64],
  [4, "actor", string],
  [5, "time", int64],
  [6, "account", string],
  [7, "group", string],
  [8, "previousEntryId", int64],
  [9, "detail", EntryDetail],
];

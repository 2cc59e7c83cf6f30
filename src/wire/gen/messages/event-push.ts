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
  ["entryId", int64],
  ["kind", int32],
  ["refersTo", int64],
  ["actor", string],
  ["time", int64],
  ["account", string],
  ["group", string],
  ["previousEntryId", int64],
  ["detail", EntryDetail],
];

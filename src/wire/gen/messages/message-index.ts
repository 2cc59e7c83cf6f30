// pkt.MessageIndex of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int32, int64, string } from "../../scalars.ts";
import type { EntryKind } from "./entry-kind.ts";
import { EntryDetail } from "./entry-detail.ts";
import { Media } from "./media.ts";

export interface MessageIndex {
  messageId: bigint;
  direction: number;
  sendTime: bigint;
  accountB: string;
  group: string;
  /** From here on only where includeEvents is set. */
  kind: EntryKind;
  /** The message that an entry is about. */
  refersTo: bigint;
  mentions: string[];
  replyTo: bigint;
  detail?: EntryDetail | undefined;
  media: Media[];
}

export const MessageIndex: MessageType<MessageIndex> = [
  ["messageId", int64],
  ["direction", int32],
  ["sendTime", int64],
  ["accountB", string],
  ["group", string],
  ["kind", int32],
  ["refersTo", int64],
  ["mentions", string, "repeated"],
  ["replyTo", int64],
  ["detail", EntryDetail],
  ["media", Media, "repeated"],
];

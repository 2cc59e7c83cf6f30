// pkt.MessagePush of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int32, int64, string } from "../../scalars.ts";
import { Media } from "./media.ts";

export interface MessagePush {
  messageId: bigint;
  type: number;
  body: string;
  extra: string;
  sender: string;
  sendTime: bigint;
  previousId: bigint;
  /**
   * From here on only for connections with the feature "conversations".
   * The entry before this message in the list of entries of the receiver, or of the group.
   */
  previousEntryId: bigint;
  mentions: string[];
  replyTo: bigint;
  media: Media[];
}

export const MessagePush: MessageType<MessagePush> = [
  ["messageId", int64],
  ["type", int32],
  ["body", string],
  ["extra", string],
  ["sender", string],
  ["sendTime", int64],
  ["previousId", int64],
  ["previousEntryId", int64],
  ["mentions", string, "repeated"],
  ["replyTo", int64],
  ["media", Media, "repeated"],
];

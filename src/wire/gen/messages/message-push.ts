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
  [1, "messageId", int64],
  [2, "type", int32],
  [3, "body", string],
  [4, "extra", string],
  [5, "sender", string],
  [6, "sendTime", int64],
  [7, "previousId", int64],
  [8, "previousEntryId", int64],
  [9, "mentions", string, "repeated"],
  [10, "replyTo", int64],
  [11, "media", Media, "repeated"],
];

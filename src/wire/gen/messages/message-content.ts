// pkt.MessageContent of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int32, int64, string } from "../../scalars.ts";

export interface MessageContent {
  messageId: bigint;
  type: number;
  body: string;
  extra: string;
}

export const MessageContent: MessageType<MessageContent> = [
  ["messageId", int64],
  ["type", int32],
  ["body", string],
  ["extra", string],
];

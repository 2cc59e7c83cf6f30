// pkt.MessageIndex of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int32, int64, string } from "../../scalars.ts";

export interface MessageIndex {
  messageId: bigint;
  direction: number;
  sendTime: bigint;
  accountB: string;
  group: string;
}

export const MessageIndex: MessageType<MessageIndex> = [
  [1, "messageId", int64],
  [2, "direction", int32],
  [3, "sendTime", int64],
  [4, "accountB", string],
  [5, "group", string],
];

// pkt.MessageResp of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64 } from "../../scalars.ts";

export interface MessageResp {
  messageId: bigint;
  sendTime: bigint;
}

export const MessageResp: MessageType<MessageResp> = [
  ["messageId", int64],
  ["sendTime", int64],
];

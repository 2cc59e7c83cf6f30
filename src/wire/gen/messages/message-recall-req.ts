// pkt.MessageRecallReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64 } from "../../scalars.ts";

export interface MessageRecallReq {
  messageId: bigint;
}

export const MessageRecallReq: MessageType<MessageRecallReq> = [
  ["messageId", int64],
];

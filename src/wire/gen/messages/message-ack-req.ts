// pkt.MessageAckReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64 } from "../../scalars.ts";

export interface MessageAckReq {
  messageId: bigint;
}

export const MessageAckReq: MessageType<MessageAckReq> = [
  ["messageId", int64],
];

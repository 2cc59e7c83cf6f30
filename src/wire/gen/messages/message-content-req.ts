// pkt.MessageContentReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64 } from "../../scalars.ts";

export interface MessageContentReq {
  messageIds: bigint[];
}

export const MessageContentReq: MessageType<MessageContentReq> = [
  ["messageIds", int64, "repeated"],
];

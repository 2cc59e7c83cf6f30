// pkt.MessageIndexReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool, int64 } from "../../scalars.ts";

export interface MessageIndexReq {
  messageId: bigint;
  includeSent: boolean;
}

export const MessageIndexReq: MessageType<MessageIndexReq> = [
  [1, "messageId", int64],
  [2, "includeSent", bool],
];

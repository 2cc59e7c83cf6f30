// pkt.MessageEditReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64, string } from "../../scalars.ts";

export interface MessageEditReq {
  messageId: bigint;
  body: string;
  extra: string;
  clientId: string;
}

export const MessageEditReq: MessageType<MessageEditReq> = [
  ["messageId", int64],
  ["body", string],
  ["extra", string],
  ["clientId", string],
];

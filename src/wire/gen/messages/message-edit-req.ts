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
  [1, "messageId", int64],
  [2, "body", string],
  [3, "extra", string],
  [4, "clientId", string],
];

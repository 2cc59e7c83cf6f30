// pkt.MessageHideReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64 } from "../../scalars.ts";

export interface MessageHideReq {
  messageIds: bigint[];
}

export const MessageHideReq: MessageType<MessageHideReq> = [
  ["messageIds", int64, "repeated"],
];

// pkt.MessageReadersReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64, string, uint32 } from "../../scalars.ts";

export interface MessageReadersReq {
  messageId: bigint;
  /** The last account of the page before. */
  after: string;
  limit: number;
}

export const MessageReadersReq: MessageType<MessageReadersReq> = [
  ["messageId", int64],
  ["after", string],
  ["limit", uint32],
];

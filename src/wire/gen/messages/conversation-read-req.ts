// pkt.ConversationReadReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64, string } from "../../scalars.ts";

export interface ConversationReadReq {
  account: string;
  group: string;
  messageId: bigint;
}

export const ConversationReadReq: MessageType<ConversationReadReq> = [
  ["account", string],
  ["group", string],
  ["messageId", int64],
];

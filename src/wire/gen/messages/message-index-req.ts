// pkt.MessageIndexReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool, int64 } from "../../scalars.ts";

export interface MessageIndexReq {
  messageId: bigint;
  includeSent: boolean;
  /** Merges the entries that are not messages into the answer. Ignored without the feature "conversations". */
  includeEvents: boolean;
}

export const MessageIndexReq: MessageType<MessageIndexReq> = [
  ["messageId", int64],
  ["includeSent", bool],
  ["includeEvents", bool],
];

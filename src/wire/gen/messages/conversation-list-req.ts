// pkt.ConversationListReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool, int32, int64 } from "../../scalars.ts";

export interface ConversationListReq {
  /** The activityId of the last conversation of the page before; 0 for the first page. */
  before: bigint;
  /** 1 to 100; 0 is 50. */
  limit: number;
  includeHidden: boolean;
}

export const ConversationListReq: MessageType<ConversationListReq> = [
  ["before", int64],
  ["limit", int32],
  ["includeHidden", bool],
];

// pkt.ConversationListResp of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool } from "../../scalars.ts";
import { Conversation } from "./conversation.ts";

export interface ConversationListResp {
  conversations: Conversation[];
  hasMore: boolean;
}

export const ConversationListResp: MessageType<ConversationListResp> = [
  ["conversations", Conversation, "repeated"],
  ["hasMore", bool],
];

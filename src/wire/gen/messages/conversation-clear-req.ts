// pkt.ConversationClearReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64, string } from "../../scalars.ts";

export interface ConversationClearReq {
  account: string;
  group: string;
  upTo: bigint;
}

export const ConversationClearReq: MessageType<ConversationClearReq> = [
  ["account", string],
  ["group", string],
  ["upTo", int64],
];

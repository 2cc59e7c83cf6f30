// pkt.MessageReadersResp of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool, string, uint32 } from "../../scalars.ts";

export interface MessageReadersResp {
  count: number;
  accounts: string[];
  hasMore: boolean;
}

export const MessageReadersResp: MessageType<MessageReadersResp> = [
  ["count", uint32],
  ["accounts", string, "repeated"],
  ["hasMore", bool],
];

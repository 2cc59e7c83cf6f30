// pkt.BlockedResp of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool, string } from "../../scalars.ts";

export interface BlockedResp {
  accounts: string[];
  hasMore: boolean;
}

export const BlockedResp: MessageType<BlockedResp> = [
  ["accounts", string, "repeated"],
  ["hasMore", bool],
];

// pkt.BlockReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { string } from "../../scalars.ts";

/** Of account.block and account.unblock. */
export interface BlockReq {
  account: string;
}

export const BlockReq: MessageType<BlockReq> = [
  ["account", string],
];

// pkt.AccountStateReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64 } from "../../scalars.ts";

export interface AccountStateReq {
  sinceVersion: bigint;
}

export const AccountStateReq: MessageType<AccountStateReq> = [
  ["sinceVersion", int64],
];

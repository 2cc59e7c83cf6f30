// pkt.AccountStateChange of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64 } from "../../scalars.ts";

/** The answer to what changes an account's own state: the version that has it. */
export interface AccountStateChange {
  version: bigint;
}

export const AccountStateChange: MessageType<AccountStateChange> = [
  ["version", int64],
];

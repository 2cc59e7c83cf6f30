// pkt.AccountSettings of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int32, int64 } from "../../scalars.ts";
import type { Consent } from "./consent.ts";

/** Who may do what with an account. */
export interface AccountSettings {
  /** Who may write to it. */
  write: Consent;
  /** Who may add it to groups. */
  add: Consent;
  /** 0 if they were never set. */
  version: bigint;
}

export const AccountSettings: MessageType<AccountSettings> = [
  ["write", int32],
  ["add", int32],
  ["version", int64],
];

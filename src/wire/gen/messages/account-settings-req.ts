// pkt.AccountSettingsReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int32 } from "../../scalars.ts";
import type { Consent } from "./consent.ts";

/** What is absent stays as it is. */
export interface AccountSettingsReq {
  write?: Consent | undefined;
  add?: Consent | undefined;
}

export const AccountSettingsReq: MessageType<AccountSettingsReq> = [
  ["write", int32, "optional"],
  ["add", int32, "optional"],
];

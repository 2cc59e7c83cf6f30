// pkt.LoginRenewResp of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64 } from "../../scalars.ts";

export interface LoginRenewResp {
  /** When the token expires, in seconds since 1970. */
  expiresAt: bigint;
}

export const LoginRenewResp: MessageType<LoginRenewResp> = [
  ["expiresAt", int64],
];

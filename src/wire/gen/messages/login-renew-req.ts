// pkt.LoginRenewReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { string } from "../../scalars.ts";

export interface LoginRenewReq {
  token: string;
}

export const LoginRenewReq: MessageType<LoginRenewReq> = [
  ["token", string],
];

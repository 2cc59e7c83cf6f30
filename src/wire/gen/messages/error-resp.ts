// pkt.ErrorResp of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { string } from "../../scalars.ts";

export interface ErrorResp {
  message: string;
}

export const ErrorResp: MessageType<ErrorResp> = [
  ["message", string],
];

// pkt.JoinRequest of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64, string } from "../../scalars.ts";

export interface JoinRequest {
  account: string;
  text: string;
  /** In seconds since 1970. */
  time: bigint;
}

export const JoinRequest: MessageType<JoinRequest> = [
  ["account", string],
  ["text", string],
  ["time", int64],
];

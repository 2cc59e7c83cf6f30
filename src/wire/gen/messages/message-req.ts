// pkt.MessageReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int32, string } from "../../scalars.ts";

export interface MessageReq {
  type: number;
  body: string;
  extra: string;
  clientId: string;
}

export const MessageReq: MessageType<MessageReq> = [
  [1, "type", int32],
  [2, "body", string],
  [3, "extra", string],
  [4, "clientId", string],
];

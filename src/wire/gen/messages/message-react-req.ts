// pkt.MessageReactReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool, int64, string } from "../../scalars.ts";

export interface MessageReactReq {
  messageId: bigint;
  reaction: string;
  off: boolean;
}

export const MessageReactReq: MessageType<MessageReactReq> = [
  ["messageId", int64],
  ["reaction", string],
  ["off", bool],
];

// pkt.MessageIndexResp of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { MessageIndex } from "./message-index.ts";

export interface MessageIndexResp {
  indexes: MessageIndex[];
}

export const MessageIndexResp: MessageType<MessageIndexResp> = [
  [1, "indexes", MessageIndex, "repeated"],
];

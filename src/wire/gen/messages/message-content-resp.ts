// pkt.MessageContentResp of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { MessageContent } from "./message-content.ts";

export interface MessageContentResp {
  contents: MessageContent[];
}

export const MessageContentResp: MessageType<MessageContentResp> = [
  ["contents", MessageContent, "repeated"],
];

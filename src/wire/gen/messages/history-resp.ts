// pkt.HistoryResp of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool } from "../../scalars.ts";
import { HistoryMessage } from "./history-message.ts";

export interface HistoryResp {
  /** In the order of ids. */
  messages: HistoryMessage[];
  hasBefore: boolean;
  hasAfter: boolean;
}

export const HistoryResp: MessageType<HistoryResp> = [
  ["messages", HistoryMessage, "repeated"],
  ["hasBefore", bool],
  ["hasAfter", bool],
];

// pkt.MessageIndexResp of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool, int64 } from "../../scalars.ts";
import { MessageIndex } from "./message-index.ts";

export interface MessageIndexResp {
  indexes: MessageIndex[];
  /** Only for connections with the feature "conversations": the last id of the store as of this answer. */
  lastId: bigint;
  /** Too much waits: list the conversations anew and go on from lastId. */
  reset: boolean;
}

export const MessageIndexResp: MessageType<MessageIndexResp> = [
  ["indexes", MessageIndex, "repeated"],
  ["lastId", int64],
  ["reset", bool],
];

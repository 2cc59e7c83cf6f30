// pkt.ReadNotify of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64, string } from "../../scalars.ts";

/** Push `chat.conversation.read`: `reader` has read up to messageId in its conversation with `account`, or in the group. */
export interface ReadNotify {
  reader: string;
  account: string;
  group: string;
  messageId: bigint;
}

export const ReadNotify: MessageType<ReadNotify> = [
  ["reader", string],
  ["account", string],
  ["group", string],
  ["messageId", int64],
];

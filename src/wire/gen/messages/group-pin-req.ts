// pkt.GroupPinReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64, string } from "../../scalars.ts";

/** Of chat.group.pin and chat.group.unpin. */
export interface GroupPinReq {
  account: string;
  group: string;
  messageId: bigint;
}

export const GroupPinReq: MessageType<GroupPinReq> = [
  ["account", string],
  ["group", string],
  ["messageId", int64],
];

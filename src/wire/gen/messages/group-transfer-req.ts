// pkt.GroupTransferReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { string } from "../../scalars.ts";

export interface GroupTransferReq {
  group: string;
  account: string;
}

export const GroupTransferReq: MessageType<GroupTransferReq> = [
  ["group", string],
  ["account", string],
];

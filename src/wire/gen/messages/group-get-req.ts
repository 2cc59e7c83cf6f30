// pkt.GroupGetReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { string } from "../../scalars.ts";

export interface GroupGetReq {
  groupId: string;
}

export const GroupGetReq: MessageType<GroupGetReq> = [
  [1, "groupId", string],
];

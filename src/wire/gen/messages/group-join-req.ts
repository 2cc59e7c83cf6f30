// pkt.GroupJoinReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { string } from "../../scalars.ts";

export interface GroupJoinReq {
  account: string;
  groupId: string;
}

export const GroupJoinReq: MessageType<GroupJoinReq> = [
  [1, "account", string],
  [2, "groupId", string],
];

// pkt.GroupJoinResp of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { string } from "../../scalars.ts";

/** The answer to a join with an invitation; that to other joins is empty. */
export interface GroupJoinResp {
  group: string;
}

export const GroupJoinResp: MessageType<GroupJoinResp> = [
  ["group", string],
];

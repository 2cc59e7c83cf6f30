// pkt.GroupListResp of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool } from "../../scalars.ts";
import { GroupSummary } from "./group-summary.ts";

export interface GroupListResp {
  groups: GroupSummary[];
  hasMore: boolean;
}

export const GroupListResp: MessageType<GroupListResp> = [
  ["groups", GroupSummary, "repeated"],
  ["hasMore", bool],
];

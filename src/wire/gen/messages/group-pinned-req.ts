// pkt.GroupPinnedReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { string } from "../../scalars.ts";

/** Answered with HistoryResp. */
export interface GroupPinnedReq {
  account: string;
  group: string;
}

export const GroupPinnedReq: MessageType<GroupPinnedReq> = [
  ["account", string],
  ["group", string],
];

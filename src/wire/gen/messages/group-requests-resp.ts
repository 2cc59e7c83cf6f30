// pkt.GroupRequestsResp of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool } from "../../scalars.ts";
import { JoinRequest } from "./join-request.ts";

export interface GroupRequestsResp {
  requests: JoinRequest[];
  hasMore: boolean;
}

export const GroupRequestsResp: MessageType<GroupRequestsResp> = [
  ["requests", JoinRequest, "repeated"],
  ["hasMore", bool],
];

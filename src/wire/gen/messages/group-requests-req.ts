// pkt.GroupRequestsReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int32, string } from "../../scalars.ts";

export interface GroupRequestsReq {
  group: string;
  /** The last account of the page before. */
  after: string;
  /** 1 to 200; 0 is 50. */
  limit: number;
}

export const GroupRequestsReq: MessageType<GroupRequestsReq> = [
  ["group", string],
  ["after", string],
  ["limit", int32],
];

// pkt.GroupListReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int32, string } from "../../scalars.ts";

export interface GroupListReq {
  /** The last group of the page before. */
  after: string;
  /** 1 to 200; 0 is 50. */
  limit: number;
}

export const GroupListReq: MessageType<GroupListReq> = [
  ["after", string],
  ["limit", int32],
];

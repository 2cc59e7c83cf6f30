// pkt.GroupAddReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { string } from "../../scalars.ts";

export interface GroupAddReq {
  group: string;
  accounts: string[];
}

export const GroupAddReq: MessageType<GroupAddReq> = [
  ["group", string],
  ["accounts", string, "repeated"],
];

// pkt.GroupRemoveReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { string } from "../../scalars.ts";

export interface GroupRemoveReq {
  group: string;
  accounts: string[];
}

export const GroupRemoveReq: MessageType<GroupRemoveReq> = [
  ["group", string],
  ["accounts", string, "repeated"],
];

// pkt.GroupCreateNotify of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { string } from "../../scalars.ts";

export interface GroupCreateNotify {
  groupId: string;
  members: string[];
}

export const GroupCreateNotify: MessageType<GroupCreateNotify> = [
  ["groupId", string],
  ["members", string, "repeated"],
];

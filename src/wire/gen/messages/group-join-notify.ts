// pkt.GroupJoinNotify of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { string } from "../../scalars.ts";

export interface GroupJoinNotify {
  groupId: string;
  account: string;
}

export const GroupJoinNotify: MessageType<GroupJoinNotify> = [
  ["groupId", string],
  ["account", string],
];

// pkt.GroupQuitNotify of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { string } from "../../scalars.ts";

export interface GroupQuitNotify {
  groupId: string;
  account: string;
}

export const GroupQuitNotify: MessageType<GroupQuitNotify> = [
  ["groupId", string],
  ["account", string],
];

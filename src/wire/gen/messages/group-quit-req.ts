// pkt.GroupQuitReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { string } from "../../scalars.ts";

export interface GroupQuitReq {
  account: string;
  groupId: string;
}

export const GroupQuitReq: MessageType<GroupQuitReq> = [
  ["account", string],
  ["groupId", string],
];

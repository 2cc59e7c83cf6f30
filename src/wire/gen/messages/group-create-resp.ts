// pkt.GroupCreateResp of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { string } from "../../scalars.ts";

export interface GroupCreateResp {
  groupId: string;
  leftOut: string[];
}

export const GroupCreateResp: MessageType<GroupCreateResp> = [
  ["groupId", string],
  ["leftOut", string, "repeated"],
];

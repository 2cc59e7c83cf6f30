// pkt.GroupRevokeReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { string } from "../../scalars.ts";

export interface GroupRevokeReq {
  group: string;
  code: string;
}

export const GroupRevokeReq: MessageType<GroupRevokeReq> = [
  ["group", string],
  ["code", string],
];

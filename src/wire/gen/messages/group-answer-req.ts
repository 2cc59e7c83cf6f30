// pkt.GroupAnswerReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool, string } from "../../scalars.ts";

export interface GroupAnswerReq {
  group: string;
  account: string;
  accept: boolean;
}

export const GroupAnswerReq: MessageType<GroupAnswerReq> = [
  ["group", string],
  ["account", string],
  ["accept", bool],
];

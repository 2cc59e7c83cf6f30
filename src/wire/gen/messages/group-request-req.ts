// pkt.GroupRequestReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool, string } from "../../scalars.ts";

export interface GroupRequestReq {
  group: string;
  /** Why the group should take the caller. */
  text: string;
  /** The caller does not want to join any more. */
  withdraw: boolean;
}

export const GroupRequestReq: MessageType<GroupRequestReq> = [
  ["group", string],
  ["text", string],
  ["withdraw", bool],
];

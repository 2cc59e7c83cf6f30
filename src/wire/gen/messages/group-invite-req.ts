// pkt.GroupInviteReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64, string, uint32 } from "../../scalars.ts";

export interface GroupInviteReq {
  group: string;
  /** In seconds; 0 is a week. */
  expiresIn: bigint;
  /** How many accounts can join with it; 0: any number. */
  uses: number;
}

export const GroupInviteReq: MessageType<GroupInviteReq> = [
  ["group", string],
  ["expiresIn", int64],
  ["uses", uint32],
];

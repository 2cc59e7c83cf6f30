// pkt.GroupMuteReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64, string } from "../../scalars.ts";

export interface GroupMuteReq {
  group: string;
  account: string;
  /** In seconds since 1970; 0 ends the mute. */
  until: bigint;
}

export const GroupMuteReq: MessageType<GroupMuteReq> = [
  ["group", string],
  ["account", string],
  ["until", int64],
];

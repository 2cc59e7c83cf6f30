// pkt.GroupInvitationsReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { string } from "../../scalars.ts";

export interface GroupInvitationsReq {
  group: string;
}

export const GroupInvitationsReq: MessageType<GroupInvitationsReq> = [
  ["group", string],
];

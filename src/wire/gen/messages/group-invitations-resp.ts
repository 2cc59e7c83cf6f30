// pkt.GroupInvitationsResp of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { Invitation } from "./invitation.ts";

export interface GroupInvitationsResp {
  invitations: Invitation[];
}

export const GroupInvitationsResp: MessageType<GroupInvitationsResp> = [
  ["invitations", Invitation, "repeated"],
];

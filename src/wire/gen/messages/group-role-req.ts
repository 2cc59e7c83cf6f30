// pkt.GroupRoleReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int32, string } from "../../scalars.ts";
import type { GroupRole } from "./group-role.ts";

export interface GroupRoleReq {
  group: string;
  account: string;
  /** Member or admin. */
  role: GroupRole;
}

export const GroupRoleReq: MessageType<GroupRoleReq> = [
  ["group", string],
  ["account", string],
  ["role", int32],
];

// pkt.GroupRole of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { UnknownEnum } from "../../message-type.ts";

export const GroupRole = {
  GroupRoleMember: 0,
  GroupRoleAdmin: 1,
  GroupRoleOwner: 2,
} as const;
export type GroupRole = (typeof GroupRole)[keyof typeof GroupRole] | UnknownEnum;

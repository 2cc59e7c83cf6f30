// pkt.GroupSummary of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool, int32, int64, string, uint32 } from "../../scalars.ts";
import type { GroupRole } from "./group-role.ts";

export interface GroupSummary {
  id: string;
  name: string;
  avatar: string;
  owner: string;
  memberCount: number;
  role: GroupRole;
  mutedUntil: bigint;
  muted: boolean;
  alias: string;
}

export const GroupSummary: MessageType<GroupSummary> = [
  [1, "id", string],
  [2, "name", string],
  [3, "avatar", string],
  [4, "owner", string],
  [5, "memberCount", uint32],
  [6, "role", int32],
  [7, "mutedUntil", int64],
  [8, "muted", bool],
  [9, "alias", string],
];

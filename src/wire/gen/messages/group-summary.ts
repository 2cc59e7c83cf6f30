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
  ["id", string],
  ["name", string],
  ["avatar", string],
  ["owner", string],
  ["memberCount", uint32],
  ["role", int32],
  ["mutedUntil", int64],
  ["muted", bool],
  ["alias", string],
];

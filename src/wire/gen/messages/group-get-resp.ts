// pkt.GroupGetResp of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool, int32, int64, string, uint32 } from "../../scalars.ts";
import type { GroupRole } from "./group-role.ts";
import { Member } from "./member.ts";

export interface GroupGetResp {
  id: string;
  name: string;
  avatar: string;
  introduction: string;
  owner: string;
  members: Member[];
  createdAt: bigint;
  closed: boolean;
  /** From here on only for connections with the feature "conversations". */
  announcement: string;
  /** Strangers ask to join, and admins answer. */
  approval: boolean;
  /** Only the owner and admins talk. */
  muted: boolean;
  memberCount: number;
  /** Of a page of members. */
  hasMore: boolean;
  /** The asker's own role, and until when it is muted, in seconds since 1970; 0 if it is not. */
  role: GroupRole;
  mutedUntil: bigint;
  /** For the owner and admins: how many ask to join. */
  requestCount: number;
}

export const GroupGetResp: MessageType<GroupGetResp> = [
  ["id", string],
  ["name", string],
  ["avatar", string],
  ["introduction", string],
  ["owner", string],
  ["members", Member, "repeated"],
  ["createdAt", int64],
  ["closed", bool],
  ["announcement", string],
  ["approval", bool],
  ["muted", bool],
  ["memberCount", uint32],
  ["hasMore", bool],
  ["role", int32],
  ["mutedUntil", int64],
  ["requestCount", uint32],
];

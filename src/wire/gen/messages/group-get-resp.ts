// pkt.GroupGetResp of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool, int64, string } from "../../scalars.ts";
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
}

export const GroupGetResp: MessageType<GroupGetResp> = [
  [1, "id", string],
  [2, "name", string],
  [3, "avatar", string],
  [4, "introduction", string],
  [5, "owner", string],
  [6, "members", Member, "repeated"],
  [7, "createdAt", int64],
  [8, "closed", bool],
];

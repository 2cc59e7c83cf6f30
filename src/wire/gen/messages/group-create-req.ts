// pkt.GroupCreateReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool, string } from "../../scalars.ts";

export interface GroupCreateReq {
  name: string;
  avatar: string;
  introduction: string;
  owner: string;
  members: string[];
  closed: boolean;
}

export const GroupCreateReq: MessageType<GroupCreateReq> = [
  [1, "name", string],
  [2, "avatar", string],
  [3, "introduction", string],
  [4, "owner", string],
  [5, "members", string, "repeated"],
  [6, "closed", bool],
];

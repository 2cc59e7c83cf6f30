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
  ["name", string],
  ["avatar", string],
  ["introduction", string],
  ["owner", string],
  ["members", string, "repeated"],
  ["closed", bool],
];

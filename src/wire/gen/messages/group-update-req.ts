// pkt.GroupUpdateReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool, string } from "../../scalars.ts";

/** What is absent stays as it is. */
export interface GroupUpdateReq {
  group: string;
  name?: string | undefined;
  avatar?: string | undefined;
  introduction?: string | undefined;
  announcement?: string | undefined;
  closed?: boolean | undefined;
  approval?: boolean | undefined;
  muted?: boolean | undefined;
}

export const GroupUpdateReq: MessageType<GroupUpdateReq> = [
  [1, "group", string],
  [2, "name", string, "optional"],
  [3, "avatar", string, "optional"],
  [4, "introduction", string, "optional"],
  [5, "announcement", string, "optional"],
  [6, "closed", bool, "optional"],
  [7, "approval", bool, "optional"],
  [8, "muted", bool, "optional"],
];

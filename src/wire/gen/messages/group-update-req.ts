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
  ["group", string],
  ["name", string, "optional"],
  ["avatar", string, "optional"],
  ["introduction", string, "optional"],
  ["announcement", string, "optional"],
  ["closed", bool, "optional"],
  ["approval", bool, "optional"],
  ["muted", bool, "optional"],
];

// pkt.GroupAliasReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { string } from "../../scalars.ts";

export interface GroupAliasReq {
  group: string;
  alias: string;
}

export const GroupAliasReq: MessageType<GroupAliasReq> = [
  ["group", string],
  ["alias", string],
];

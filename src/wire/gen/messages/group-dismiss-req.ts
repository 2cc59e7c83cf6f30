// pkt.GroupDismissReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { string } from "../../scalars.ts";

export interface GroupDismissReq {
  group: string;
}

export const GroupDismissReq: MessageType<GroupDismissReq> = [
  ["group", string],
];

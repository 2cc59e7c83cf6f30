// pkt.GroupAnswerNotify of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool, string } from "../../scalars.ts";

/** Push `chat.group.answer`, to the account that asked to join. */
export interface GroupAnswerNotify {
  group: string;
  accepted: boolean;
}

export const GroupAnswerNotify: MessageType<GroupAnswerNotify> = [
  ["group", string],
  ["accepted", bool],
];

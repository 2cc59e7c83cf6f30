// pkt.GroupRequestNotify of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool, string } from "../../scalars.ts";
import { JoinRequest } from "./join-request.ts";

/** Push `chat.group.request`, to the owner and admins. */
export interface GroupRequestNotify {
  group: string;
  request?: JoinRequest | undefined;
  withdrawn: boolean;
}

export const GroupRequestNotify: MessageType<GroupRequestNotify> = [
  ["group", string],
  ["request", JoinRequest],
  ["withdrawn", bool],
];

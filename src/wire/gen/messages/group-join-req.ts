// pkt.GroupJoinReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { string } from "../../scalars.ts";

export interface GroupJoinReq {
  account: string;
  groupId: string;
  /**
   * An invitation, with which both of the above may be empty: the caller joins the group of the invitation. Ignored
   * without the feature "conversations".
   */
  code: string;
}

export const GroupJoinReq: MessageType<GroupJoinReq> = [
  ["account", string],
  ["groupId", string],
  ["code", string],
];

// pkt.GroupGetReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool, int32, string } from "../../scalars.ts";

export interface GroupGetReq {
  groupId: string;
  /**
   * From here on only with the feature "conversations".
   * Members in pages: the last account of the page before, and 1 to 200 members. A limit of 0 with an empty `after`
   * gives all members.
   */
  after: string;
  limit: number;
  /** The group alone, without members. */
  withoutMembers: boolean;
  /** Only the owner and the admins. */
  adminsOnly: boolean;
}

export const GroupGetReq: MessageType<GroupGetReq> = [
  ["groupId", string],
  ["after", string],
  ["limit", int32],
  ["withoutMembers", bool],
  ["adminsOnly", bool],
];

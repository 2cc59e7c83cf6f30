// pkt.GroupAddResp of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64, string } from "../../scalars.ts";

export interface GroupAddResp {
  /** The last entry of the change; 0 if nothing was changed. */
  entryId: bigint;
  /** Accounts that others have put into the maximum number of groups. */
  leftOut: string[];
  /** Accounts that do not let the caller add them: they can be sent an invitation. */
  unwilling: string[];
}

export const GroupAddResp: MessageType<GroupAddResp> = [
  ["entryId", int64],
  ["leftOut", string, "repeated"],
  ["unwilling", string, "repeated"],
];

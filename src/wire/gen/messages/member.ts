// pkt.Member of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int32, int64, string } from "../../scalars.ts";
import type { GroupRole } from "./group-role.ts";

export interface Member {
  account: string;
  alias: string;
  avatar: string;
  joinTime: bigint;
  /** From here on only for connections with the feature "conversations". */
  role: GroupRole;
  /** In seconds since 1970; 0 if the member is not muted. */
  mutedUntil: bigint;
}

export const Member: MessageType<Member> = [
  ["account", string],
  ["alias", string],
  ["avatar", string],
  ["joinTime", int64],
  ["role", int32],
  ["mutedUntil", int64],
];

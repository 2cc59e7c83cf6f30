// pkt.Member of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64, string } from "../../scalars.ts";

export interface Member {
  account: string;
  alias: string;
  avatar: string;
  joinTime: bigint;
}

export const Member: MessageType<Member> = [
  [1, "account", string],
  [2, "alias", string],
  [3, "avatar", string],
  [4, "joinTime", int64],
];

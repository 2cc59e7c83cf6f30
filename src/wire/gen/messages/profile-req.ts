// pkt.ProfileReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64, string } from "../../scalars.ts";

export interface ProfileReq {
  accounts: string[];
  /** The versions that the caller has, in the order of the accounts; those that are missing count as 0. */
  versions: bigint[];
}

export const ProfileReq: MessageType<ProfileReq> = [
  ["accounts", string, "repeated"],
  ["versions", int64, "repeated"],
];

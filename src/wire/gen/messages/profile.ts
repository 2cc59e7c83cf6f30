// pkt.Profile of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64, string } from "../../scalars.ts";

export interface Profile {
  account: string;
  name: string;
  avatar: string;
  extra: string;
  /** 0 if it was never set. */
  version: bigint;
}

export const Profile: MessageType<Profile> = [
  [1, "account", string],
  [2, "name", string],
  [3, "avatar", string],
  [4, "extra", string],
  [5, "version", int64],
];

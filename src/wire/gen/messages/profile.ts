// pkt.Profile of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64, string } from "../../scalars.ts";

export interface Profile {
  account: string;
  /** What others see: at most 64 characters. */
  name: string;
  /** A picture, as clients agree on: at most 512 bytes. */
  avatar: string;
  /** What clients want besides: at most 1 KiB. */
  extra: string;
  /** 0 if it was never set. */
  version: bigint;
}

export const Profile: MessageType<Profile> = [
  ["account", string],
  ["name", string],
  ["avatar", string],
  ["extra", string],
  ["version", int64],
];

// pkt.ProfileSetReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { string } from "../../scalars.ts";

/** What is absent stays as it is. */
export interface ProfileSetReq {
  name?: string | undefined;
  avatar?: string | undefined;
  extra?: string | undefined;
}

export const ProfileSetReq: MessageType<ProfileSetReq> = [
  ["name", string, "optional"],
  ["avatar", string, "optional"],
  ["extra", string, "optional"],
];

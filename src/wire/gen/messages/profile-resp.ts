// pkt.ProfileResp of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { Profile } from "./profile.ts";

export interface ProfileResp {
  /** Those with another version than the caller's. */
  profiles: Profile[];
}

export const ProfileResp: MessageType<ProfileResp> = [
  ["profiles", Profile, "repeated"],
];

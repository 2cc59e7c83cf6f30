// pkt.PresenceReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { string } from "../../scalars.ts";

/** Of presence.watch and presence.unwatch. */
export interface PresenceReq {
  accounts: string[];
}

export const PresenceReq: MessageType<PresenceReq> = [
  ["accounts", string, "repeated"],
];

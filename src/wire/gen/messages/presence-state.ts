// pkt.PresenceState of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64, string, uint32 } from "../../scalars.ts";

export interface PresenceState {
  account: string;
  /** On how many devices the account is online; 0: it is not. */
  devices: number;
  /** When it was online last, in seconds since 1970, a multiple of 60; 0 while it is online, and if it is not known. */
  lastSeen: bigint;
}

export const PresenceState: MessageType<PresenceState> = [
  ["account", string],
  ["devices", uint32],
  ["lastSeen", int64],
];

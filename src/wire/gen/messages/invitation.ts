// pkt.Invitation of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64, string, uint32 } from "../../scalars.ts";

export interface Invitation {
  code: string;
  /** In seconds since 1970. */
  expiresAt: bigint;
  /** How many more accounts can join with it; 0: any number. */
  usesLeft: number;
  /** Who made it. */
  account: string;
}

export const Invitation: MessageType<Invitation> = [
  ["code", string],
  ["expiresAt", int64],
  ["usesLeft", uint32],
  ["account", string],
];

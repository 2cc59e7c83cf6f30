// pkt.BlockState of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool, int64, string } from "../../scalars.ts";

export interface BlockState {
  account: string;
  /** The block was ended. */
  off: boolean;
  version: bigint;
}

export const BlockState: MessageType<BlockState> = [
  ["account", string],
  ["off", bool],
  ["version", int64],
];

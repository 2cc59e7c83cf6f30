// pkt.Reaction of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool, string, uint32 } from "../../scalars.ts";

export interface Reaction {
  reaction: string;
  count: number;
  /** Whether the reader is among them. */
  mine: boolean;
}

export const Reaction: MessageType<Reaction> = [
  [1, "reaction", string],
  [2, "count", uint32],
  [3, "mine", bool],
];

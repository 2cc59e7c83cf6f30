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
  ["reaction", string],
  ["count", uint32],
  ["mine", bool],
];

// pkt.Media of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64, string } from "../../scalars.ts";

/** A file that a message names. */
export interface Media {
  id: string;
  name: string;
  type: string;
  /** In bytes. */
  size: bigint;
}

export const Media: MessageType<Media> = [
  [1, "id", string],
  [2, "name", string],
  [3, "type", string],
  [4, "size", int64],
];

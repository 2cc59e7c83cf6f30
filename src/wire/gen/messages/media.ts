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
  ["id", string],
  ["name", string],
  ["type", string],
  ["size", int64],
];

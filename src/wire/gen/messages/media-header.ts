// pkt.MediaHeader of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { string } from "../../scalars.ts";

export interface MediaHeader {
  name: string;
  value: string;
}

export const MediaHeader: MessageType<MediaHeader> = [
  ["name", string],
  ["value", string],
];

// pkt.Meta of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int32, string } from "../../scalars.ts";
import type { MetaType } from "./meta-type.ts";

export interface Meta {
  key: string;
  value: string;
  type: MetaType;
}

export const Meta: MessageType<Meta> = [
  ["key", string],
  ["value", string],
  ["type", int32],
];

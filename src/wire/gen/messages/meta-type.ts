// pkt.MetaType of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { UnknownEnum } from "../../message-type.ts";

export const MetaType = {
  int: 0,
  string: 1,
  float: 2,
} as const;
export type MetaType = (typeof MetaType)[keyof typeof MetaType] | UnknownEnum;

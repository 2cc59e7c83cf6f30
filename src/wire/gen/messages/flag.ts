// pkt.Flag of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { UnknownEnum } from "../../message-type.ts";

export const Flag = {
  Request: 0,
  Response: 1,
  Push: 2,
} as const;
export type Flag = (typeof Flag)[keyof typeof Flag] | UnknownEnum;

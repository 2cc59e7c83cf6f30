// pkt.Consent of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { UnknownEnum } from "../../message-type.ts";

export const Consent = {
  ConsentEverybody: 0,
  /** Accounts with which there is a direct conversation. */
  ConsentConversations: 1,
  ConsentNobody: 2,
} as const;
export type Consent = (typeof Consent)[keyof typeof Consent] | UnknownEnum;

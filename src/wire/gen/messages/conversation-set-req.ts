// pkt.ConversationSetReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool, string } from "../../scalars.ts";

/** What is absent stays as it is. */
export interface ConversationSetReq {
  account: string;
  group: string;
  pinned?: boolean | undefined;
  muted?: boolean | undefined;
  hidden?: boolean | undefined;
}

export const ConversationSetReq: MessageType<ConversationSetReq> = [
  ["account", string],
  ["group", string],
  ["pinned", bool, "optional"],
  ["muted", bool, "optional"],
  ["hidden", bool, "optional"],
];

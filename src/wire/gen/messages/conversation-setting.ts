// pkt.ConversationSetting of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool, int64, string } from "../../scalars.ts";

/** An account's own view of a conversation, as it is now. */
export interface ConversationSetting {
  account: string;
  group: string;
  pinned: boolean;
  muted: boolean;
  /** Hidden until there is a newer message than this one; 0 if it is not hidden. */
  hiddenId: bigint;
  /** Nothing up to this id is shown. */
  clearedTo: bigint;
  version: bigint;
}

export const ConversationSetting: MessageType<ConversationSetting> = [
  ["account", string],
  ["group", string],
  ["pinned", bool],
  ["muted", bool],
  ["hiddenId", int64],
  ["clearedTo", int64],
  ["version", int64],
];

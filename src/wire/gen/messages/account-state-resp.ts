// pkt.AccountStateResp of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool, int64 } from "../../scalars.ts";
import { ConversationSetting } from "./conversation-setting.ts";

/** Also the push `account.changed`. */
export interface AccountStateResp {
  /** Everything up to this version is known with this answer. Ask again from here while hasMore is set. */
  version: bigint;
  conversations: ConversationSetting[];
  hiddenMessages: bigint[];
  hasMore: boolean;
}

export const AccountStateResp: MessageType<AccountStateResp> = [
  [1, "version", int64],
  [2, "conversations", ConversationSetting, "repeated"],
  [3, "hiddenMessages", int64, "repeated"],
  [4, "hasMore", bool],
];

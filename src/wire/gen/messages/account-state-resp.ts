// pkt.AccountStateResp of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool, int64 } from "../../scalars.ts";
import { AccountSettings } from "./account-settings.ts";
import { BlockState } from "./block-state.ts";
import { ConversationSetting } from "./conversation-setting.ts";
import { Profile } from "./profile.ts";

/** Also the push `account.changed`. */
export interface AccountStateResp {
  /** Everything up to this version is known with this answer. Ask again from here while hasMore is set. */
  version: bigint;
  conversations: ConversationSetting[];
  hiddenMessages: bigint[];
  hasMore: boolean;
  blocks: BlockState[];
  /** Absent if it has not changed. */
  settings?: AccountSettings | undefined;
  /** The account's own profile; absent if it has not changed. */
  profile?: Profile | undefined;
}

export const AccountStateResp: MessageType<AccountStateResp> = [
  ["version", int64],
  ["conversations", ConversationSetting, "repeated"],
  ["hiddenMessages", int64, "repeated"],
  ["hasMore", bool],
  ["blocks", BlockState, "repeated"],
  ["settings", AccountSettings],
  ["profile", Profile],
];

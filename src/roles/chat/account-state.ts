// account.state: what changed in an account's own view of its conversations since a version.

import { accountStateMax } from "../../base/limits/fixed.ts";
import type { Handler } from "../../service/router.ts";
import type { AccountState } from "../../store/conversations.ts";
import { AccountStateReqSchema, AccountStateRespSchema } from "../../wire/gen/pkt_pb.ts";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ChatParts } from "./chat-parts.ts";
import { checkNotNegative, nameFields } from "./conversation-name.ts";
import { profileBytesMax, settingsMessage } from "./people/people-messages.ts";
import { nameBytesMax } from "./talk-body.ts";

/** The largest setting, or block: a name, and numbers. */
const settingBytes = nameBytesMax + 64;

/** Answers with at most `accountStateMax` changes; the client asks again while there are more. */
export function accountState({ store, reads }: Pick<ChatParts, "store" | "reads">): Handler {
  return async (context) => {
    const { sinceVersion } = context.body(AccountStateReqSchema);
    checkNotNegative("sinceVersion", sinceVersion);
    await reads.run(context, accountStateMax * settingBytes + profileBytesMax, async () => {
      const state = await store.accountState(context.app, context.account, sinceVersion, accountStateMax);
      return context.respond(AccountStateRespSchema, stateMessage(state));
    });
  };
}

/** A state as the answer, and as the push `account.changed`. */
export function stateMessage(state: AccountState): MessageInitShape<typeof AccountStateRespSchema> {
  const { version, settings, hiddenMessages, hasMore, blocks = [], consent, profile } = state;
  return {
    version,
    conversations: settings.map((setting) => ({
      ...nameFields(setting),
      pinned: setting.isPinned,
      muted: setting.isMuted,
      hiddenId: setting.hiddenId,
      clearedTo: setting.clearedTo,
      version: setting.version,
    })),
    hiddenMessages: [...hiddenMessages],
    hasMore,
    blocks: blocks.map(({ account, isOff: off, version: since }) => ({ account, off, version: since })),
    ...(consent === undefined ? {} : { settings: settingsMessage(consent) }),
    ...(profile === undefined ? {} : { profile }),
  };
}

// chat.conversation.set: pins, mutes and hides a conversation for this account.

import { pinnedMax } from "../../base/limits/fixed.ts";
import { Refusal } from "../../service/refusal.ts";
import type { Handler } from "../../service/router.ts";
import { ConversationSetReqSchema, Status } from "../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "./chat-parts.ts";
import { conversationOf } from "./conversation-name.ts";
import { setConversation } from "./own-state.ts";

/** What is absent stays as it is. */
export function conversationSet(parts: ChatParts): Handler {
  return async (context) => {
    const request = context.body(ConversationSetReqSchema);
    const { pinned, muted, hidden } = request;
    const name = conversationOf(request);
    if (pinned === undefined && muted === undefined && hidden === undefined)
      throw new Refusal(Status.InvalidPacketBody, "at least one of pinned, muted and hidden must be set");
    const setting = {
      ...name,
      ...(pinned === undefined ? {} : { isPinned: pinned }),
      ...(muted === undefined ? {} : { isMuted: muted }),
      ...(hidden === undefined ? {} : { isHidden: hidden }),
    };
    const full = `at most ${pinnedMax} conversations can be pinned`;
    await setConversation(parts, context, setting, full);
  };
}

// chat.conversation.clear: nothing up to a message is shown to this account any more, on any device.

import { Refusal } from "../../service/refusal.ts";
import type { Handler } from "../../service/router.ts";
import { ConversationClearReqSchema, Status } from "../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "./chat-parts.ts";
import { conversationOf } from "./conversation-name.ts";
import { setConversation } from "./own-state.ts";

/** It only goes forward: an earlier message changes nothing. */
export function conversationClear(parts: ChatParts): Handler {
  return async (context) => {
    const request = context.body(ConversationClearReqSchema);
    const name = conversationOf(request);
    const { upTo: clearUpTo } = request;
    if (clearUpTo <= 0n) throw new Refusal(Status.InvalidPacketBody, "upTo must be the id of a message");
    await setConversation(parts, context, { ...name, clearUpTo });
  };
}

// chat.group.pinned: the pinned messages of a conversation.

import { pinnedMessagesMax } from "../../../base/limits/fixed.ts";
import type { Handler } from "../../../service/router.ts";
import { GroupPinnedReqSchema } from "../../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "../chat-parts.ts";
import { conversationOf, noConversation } from "../conversation-name.ts";
import { messageBytes } from "../history.ts";

/** Answers with the newest pin first, without messages that the account may not read. */
export function groupPinned({ store, reads, limits }: ChatParts): Handler {
  const bytes = pinnedMessagesMax * messageBytes(limits.values);
  return async (context) => {
    const name = conversationOf(context.body(GroupPinnedReqSchema));
    const { app, account } = context;
    await reads.run(context, bytes, async () => {
      const found = await store.groups.pinned({ app, account, ...name });
      if (found === "notFound") throw noConversation();
      return context.respondView(found);
    });
  };
}

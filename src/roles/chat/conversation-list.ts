// chat.conversation.list: an account's conversations, the newest activity first.

import { conversationsMax, lastBodyBytesMax, pinnedMax } from "../../base/limits/fixed.ts";
import type { Handler } from "../../service/router.ts";
import { ConversationListReqSchema } from "../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "./chat-parts.ts";
import { checkNotNegative, pageOf } from "./conversation-name.ts";
import { messageRestBytes } from "./history.ts";
import { nameBytesMax } from "./talk-body.ts";

/** The largest conversation: its name, some numbers, and its last message, which is cut. */
const conversationBytes = 128 + nameBytesMax + lastBodyBytesMax + messageRestBytes;
/** Most last messages mention nobody and have few reactions; a client lists all of its conversations at its start. */
const usualBytes = 1024;

/** Answers with a page; the first one has the pinned conversations besides. */
export function conversationList({ store, reads }: Pick<ChatParts, "store" | "reads">): Handler {
  return async (context) => {
    const request = context.body(ConversationListReqSchema);
    const { before, includeHidden } = request;
    checkNotNegative("before", before);
    const limit = pageOf(request.limit, conversationsMax);
    const { app, account } = context;
    const most = limit + (before === 0n ? pinnedMax : 0);
    await reads.run(
      context,
      most * conversationBytes,
      async () => context.respondView(await store.conversations({ app, account, before, limit, includeHidden })),
      most * usualBytes,
    );
  };
}

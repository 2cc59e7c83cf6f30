// chat.offline.content: messages by id, for those who may read them.

import { Refusal } from "../../container/refusal.ts";
import type { Handler } from "../../container/router.ts";
import { MessageContentReqSchema, MessageContentRespSchema, Status } from "../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "./chat-parts.ts";

/** Answers in the order asked, leaving out what does not exist or is not the asker's to read. */
export function offlineContent({ store, limits }: ChatParts): Handler {
  const { contentIds } = limits.values;
  return async (context) => {
    const { messageIds } = context.body(MessageContentReqSchema);
    if (messageIds.length > contentIds) {
      limits.met("contentIds", { app: context.app, account: context.account });
      throw new Refusal(Status.PayloadTooLarge, `at most ${contentIds} message ids a request`);
    }
    const contents = await store.contents(context.app, context.account, messageIds);
    context.respond(MessageContentRespSchema, { contents: [...contents] });
  };
}

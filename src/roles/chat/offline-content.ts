// chat.offline.content: messages by id, for those who may read them.

import { Refusal } from "../../container/refusal.ts";
import type { Handler } from "../../container/router.ts";
import { MessageContentReqSchema, Status } from "../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "./chat-parts.ts";

/** Of a content: its id, its type and the lengths of its texts. */
const numbersBytes = 32;
/** What an id of a message takes in a request, at least. */
const idBytesMin = 8;

/**
 * Answers in the order asked, leaving out what does not exist or is not the asker's to read. The request is decoded when it
 * is its turn, because that is work, too: its length says how many ids it can have.
 */
export function offlineContent({ store, reads, limits }: ChatParts): Handler {
  const { contentIds, messageBodyBytes, messageExtraBytes } = limits.values;
  const contentBytes = messageBodyBytes + messageExtraBytes + numbersBytes;
  return async (context) => {
    const idsMax = Math.min(contentIds, Math.ceil(context.bodyBytes / idBytesMin));
    await reads.run(context, idsMax * contentBytes, async () => {
      const { messageIds } = context.body(MessageContentReqSchema);
      if (messageIds.length > contentIds) {
        limits.met("contentIds", { app: context.app, account: context.account });
        throw new Refusal(Status.PayloadTooLarge, `at most ${contentIds} message ids a request`);
      }
      return context.respondView(await store.contents(context.app, context.account, messageIds));
    });
  };
}

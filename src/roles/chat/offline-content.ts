// chat.offline.content: messages by id, for those who may read them.

import { Refusal } from "../../service/refusal.ts";
import type { Handler } from "../../service/router.ts";
import { MessageContentReqSchema, Status } from "../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "./chat-parts.ts";

/** Of a content: its id, its type and the lengths of its texts. */
const numbersBytes = 32;
/** What an id of a message takes in a request, at least: ids are above 2^49. What is below is no message's. */
const idBytesMin = 8;

/**
 * The most ids of messages that a request with a body of so many bytes can have; with nine bytes for each, hardly more.
 */
export function idsIn(bodyBytes: number): number {
  return Math.max(1, Math.floor(bodyBytes / idBytesMin));
}

/**
 * Answers in the order asked, leaving out what does not exist or is not the asker's to read. The request is decoded
 * when it is its turn, because that is work, too: its length says how many ids it can have.
 */
export function offlineContent({ store, reads, limits }: ChatParts): Handler {
  const { contentIds, messageBodyBytes, messageExtraBytes } = limits.values;
  const contentBytes = messageBodyBytes + messageExtraBytes + numbersBytes;
  return async (context) => {
    const idsMax = Math.min(contentIds, idsIn(context.bodyBytes));
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

// chat.history: the messages of a conversation as they are now, or messages by id.

import { historyMax, mentionsMax, reactionBytesMax, reactionKindsMax, mediaMax } from "../../base/limits/fixed.ts";
import type { LimitValues } from "../../base/limits/table.ts";
import { Refusal } from "../../service/refusal.ts";
import type { Handler } from "../../service/router.ts";
import type { HistoryQuery } from "../../store/conversations.ts";
import { type HistoryReq, HistoryReqSchema, Status } from "../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "./chat-parts.ts";
import { checkNotNegative, conversationOf, noConversation, pageOf } from "./conversation-name.ts";
import { mediaItemBytesMax, nameBytesMax } from "./talk-body.ts";

/** Numbers, tags and lengths of a message, and of a reaction. */
const numbersBytes = 64;
const reactionNumbersBytes = 12;
/** What a message has beside its texts, at most: three names, those that it mentions, its files and reactions. */
export const messageRestBytes =
  numbersBytes +
  (3 + mentionsMax) * nameBytesMax +
  mediaMax * mediaItemBytesMax +
  reactionKindsMax * (reactionBytesMax + reactionNumbersBytes);

/** The largest message of a history. */
export function messageBytes({ messageBodyBytes, messageExtraBytes }: LimitValues): number {
  return messageBodyBytes + messageExtraBytes + messageRestBytes;
}

/** Answers with up to `historyMax` messages in id order; messages by id come in the order asked. */
export function history({ store, reads, limits }: Pick<ChatParts, "store" | "reads" | "limits">): Handler {
  const bytesOfEach = messageBytes(limits.values);
  return async (context) => {
    const request = context.body(HistoryReqSchema);
    const { app, account } = context;
    const { messageIds } = request;
    if (messageIds.length > 0) {
      checkAlone(request);
      await reads.run(context, messageIds.length * bytesOfEach, async () =>
        context.respondView(await store.messages(app, account, messageIds)),
      );
      return;
    }
    const query = queryOf(request);
    await reads.run(context, query.limit * bytesOfEach, async () => {
      const found = await store.history({ app, account, ...query });
      if (found === "notFound") throw noConversation();
      return context.respondView(found);
    });
  };
}

/** Throws InvalidPacketBody if a request for messages by id asks for something else, too. */
function checkAlone(request: HistoryReq): void {
  const { account, group, before, after, around, limit, thread, messageIds } = request;
  if (messageIds.length > historyMax)
    throw new Refusal(Status.PayloadTooLarge, `at most ${historyMax} message ids a request`);
  const isAlone =
    account === "" && group === "" && limit === 0 && [before, after, around, thread].every((id) => id === 0n);
  if (!isAlone) throw new Refusal(Status.InvalidPacketBody, "messageIds must be the only field of a request");
}

function queryOf(request: HistoryReq): Omit<HistoryQuery, "app" | "account"> {
  const { before, after, around, thread } = request;
  for (const [name, id] of Object.entries({ before, after, around, thread })) checkNotNegative(name, id);
  const bounds = [
    { at: "before", id: before },
    { at: "after", id: after },
    { at: "around", id: around },
  ] as const;
  const [from = { at: "newest" } as const, second] = bounds.filter(({ id }) => id !== 0n);
  if (second !== undefined)
    throw new Refusal(Status.InvalidPacketBody, "at most one of before, after and around may be set");
  return { ...conversationOf(request), from, limit: pageOf(request.limit, historyMax), thread };
}

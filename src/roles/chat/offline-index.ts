// chat.offline.index: what a device has not acknowledged, or what lies above a cursor.

import { Refusal } from "../../container/refusal.ts";
import type { Handler } from "../../container/router.ts";
import { MessageIndexReqSchema, MessageIndexRespSchema, Status } from "../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "./chat-parts.ts";

/** Of an entry, about: two numbers, an account and a group. */
const entryBytes = 128;

/** Answers with at most `indexEntries` entries in id order. Reading acknowledges nothing. */
export function offlineIndex({ store, reads, limits }: ChatParts): Handler {
  const limit = limits.values.indexEntries;
  return async (context) => {
    const { messageId, includeSent } = context.body(MessageIndexReqSchema);
    if (messageId < 0n) throw new Refusal(Status.InvalidPacketBody, "message_id must not be negative");
    const { app, account, device } = context;
    await reads.run(context, limit * entryBytes, async () => {
      const entries = await store.index({ app, account, device, after: messageId, includeSent, limit });
      return context.respond(MessageIndexRespSchema, {
        indexes: entries.map(({ messageId: id, direction, sendTime, otherAccount, group }) => ({
          messageId: id,
          direction,
          sendTime,
          accountB: otherAccount,
          group,
        })),
      });
    });
  };
}

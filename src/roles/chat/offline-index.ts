// chat.offline.index: what a device has not acknowledged, or what lies above a cursor.

import type { Context } from "../../service/context.ts";
import { Refusal } from "../../service/refusal.ts";
import type { Handler } from "../../service/router.ts";
import { isFirstVersion } from "../../session/sessions.ts";
import { type Store, StoreUnavailable } from "../../store/store.ts";
import { MessageIndexReqSchema, MessageIndexRespSchema, Status } from "../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "./chat-parts.ts";

/** Of an entry, about: two numbers, an account and a group. */
const entryBytes = 128;

/**
 * Answers with at most `indexEntries` entries in id order. Reading acknowledges nothing, but for a client of the first
 * version of the protocol: its cursor counts as an acknowledgement. `includeSent` is of a later version, and asks for a
 * history.
 */
export function offlineIndex({ store, reads, limits }: Pick<ChatParts, "store" | "reads" | "limits">): Handler {
  const limit = limits.values.indexEntries;
  return async (context) => {
    const { messageId, includeSent } = context.body(MessageIndexReqSchema);
    if (messageId < 0n) throw new Refusal(Status.InvalidPacketBody, "message_id must not be negative");
    const { app, account, location } = context;
    // Before its turn to read: what waits for the disk keeps nobody else from reading.
    if (messageId > 0n && !includeSent && isFirstVersion(location)) await acknowledge(store, context, messageId);
    await reads.run(context, limit * entryBytes, async () => {
      const { device } = location;
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

/**
 * Nothing where the cursor is of another server, or while the store cannot write: the client has it again at its next
 * reading.
 */
async function acknowledge(store: Store, { app, account, location }: Context, cursor: bigint): Promise<void> {
  try {
    await store.acknowledge(app, account, location.device, cursor);
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
  }
}

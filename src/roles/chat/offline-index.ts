// chat.offline.index: what a device has not acknowledged, or what lies above a cursor.

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { mediaMax, mentionsMax } from "../../base/limits/fixed.ts";
import type { Context } from "../../service/context.ts";
import { Refusal } from "../../service/refusal.ts";
import type { Handler } from "../../service/router.ts";
import { isFirstVersion } from "../../session/sessions.ts";
import { type IndexEntry, type LogEntry, type LogPage, type Store, StoreUnavailable } from "../../store/store.ts";
import { hasConversations } from "../../wire/features.ts";
import {
  MediaSchema,
  MessageIndexReqSchema,
  MessageIndexRespSchema,
  type MessageIndexSchema,
  Status,
} from "../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "./chat-parts.ts";
import { entryFields } from "./entry-message.ts";
import { mediaItemBytesMax, nameBytesMax } from "./talk-body.ts";

/** Of an entry, about: two numbers, an account and a group. */
const entryBytes = 128;
/** The largest entry with what is only for clients with the feature `conversations`. */
const logEntryBytes = entryBytes + 64 + (mentionsMax + 2) * nameBytesMax + mediaMax * mediaItemBytesMax;

type PageInit = MessageInitShape<typeof MessageIndexRespSchema>;
type IndexInit = MessageInitShape<typeof MessageIndexSchema>;

/**
 * Answers with at most `indexEntries` entries in id order. Reading acknowledges nothing, but for a client of the first
 * version of the protocol: its cursor counts as an acknowledgement. `includeSent` is of a later version, and asks for a
 * history.
 *
 * A connection with the feature `conversations` reads the log instead, with entries that are not messages if it asks
 * for them, and learns the last id.
 */
export function offlineIndex({ store, reads, limits }: Pick<ChatParts, "store" | "reads" | "limits">): Handler {
  const limit = limits.values.indexEntries;
  return async (context) => {
    const { messageId, includeSent, includeEvents } = context.body(MessageIndexReqSchema);
    if (messageId < 0n) throw new Refusal(Status.InvalidPacketBody, "message_id must not be negative");
    const { app, account, location } = context;
    const { device, features } = location;
    const query = { app, account, device, after: messageId, includeSent, limit };
    if (hasConversations(features)) {
      // Only entries with mentions or files are large, and most have none.
      await reads.run(
        context,
        limit * logEntryBytes,
        async () =>
          context.respond(
            MessageIndexRespSchema,
            logMessage(await store.entries({ ...query, includeEvents }), includeEvents),
          ),
        limit * entryBytes,
      );
      return;
    }
    // Before its turn to read: what waits for the disk keeps nobody else from reading.
    if (messageId > 0n && !includeSent && isFirstVersion(location)) await acknowledge(store, context, messageId);
    await reads.run(context, limit * entryBytes, async () => {
      const entries = await store.index(query);
      return context.respond(MessageIndexRespSchema, { indexes: entries.map(indexMessage) });
    });
  };
}

function indexMessage({ messageId, direction, sendTime, otherAccount: accountB, group }: IndexEntry): IndexInit {
  return { messageId, direction, sendTime, accountB, group };
}

/** A page for a client with the feature `conversations`; entries show what is new where it asked for events. */
function logMessage({ entries, lastId, isReset: reset }: LogPage, includeEvents: boolean): PageInit {
  return { indexes: entries.map(includeEvents ? logEntryMessage : indexMessage), lastId, reset };
}

function logEntryMessage(entry: LogEntry): IndexInit {
  const { refersTo, mentions, replyTo, media = [] } = entry;
  return {
    ...indexMessage(entry),
    ...entryFields(entry),
    refersTo,
    mentions: [...mentions],
    replyTo,
    media: media.map((item) => create(MediaSchema, { ...item, size: BigInt(item.size) })),
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

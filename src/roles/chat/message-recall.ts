// chat.message.recall: takes a message back, for everybody.

import { fromBinary } from "@bufbuild/protobuf";
import { systemAccount } from "../../auth/names.ts";
import type { Handler } from "../../service/router.ts";
import { HistoryRespSchema, MessageRecallReqSchema } from "../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "./chat-parts.ts";
import { checkMessageId } from "./conversation-name.ts";
import { changeMessage } from "./message-change.ts";

/** The system's window: a hundred years. */
const alwaysMs = 100 * 365 * 86_400_000;

/** Recalling again is Success. */
export function messageRecall(parts: ChatParts): Handler {
  const { recallWindowMs: windowMs } = parts.windows;
  return async (context) => {
    const { messageId } = context.body(MessageRecallReqSchema);
    checkMessageId(messageId);
    const { app, account } = context;
    const author = account === systemAccount ? await authorOf(parts, app, messageId) : undefined;
    const recall = author === undefined ? { actor: account, windowMs } : { actor: author, windowMs: alwaysMs };
    await changeMessage(parts, context, { kind: "recall", app, messageId, ...recall });
  };
}

/**
 * The author of a message of a direct conversation, as whom the system recalls it: both partners are told then. A group
 * is told that the system did; undefined.
 */
async function authorOf({ store }: ChatParts, app: string, messageId: bigint): Promise<string | undefined> {
  const found = await store.messages(app, systemAccount, [messageId]);
  const [message] = fromBinary(HistoryRespSchema, found).messages;
  return message === undefined || message.group !== "" ? undefined : message.sender;
}

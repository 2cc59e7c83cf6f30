// chat.message.recall: takes a message back, for everybody.

import type { Handler } from "../../service/router.ts";
import { MessageRecallReqSchema } from "../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "./chat-parts.ts";
import { checkMessageId } from "./conversation-name.ts";
import { changeMessage } from "./message-change.ts";

/** Recalling again is Success. */
export function messageRecall(parts: ChatParts): Handler {
  const { recallWindowMs: windowMs } = parts.windows;
  return async (context) => {
    const { messageId } = context.body(MessageRecallReqSchema);
    checkMessageId(messageId);
    const { app, account: actor } = context;
    await changeMessage(parts, context, { kind: "recall", app, actor, messageId, windowMs });
  };
}

// chat.message.edit: replaces the text of a message of one's own.

import type { Handler } from "../../service/router.ts";
import { MessageEditReqSchema } from "../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "./chat-parts.ts";
import { checkMessageId } from "./conversation-name.ts";
import { changeMessage } from "./message-change.ts";
import { checkTexts } from "./text-bounds.ts";

/** The bounds are those of a talk. */
export function messageEdit(parts: ChatParts): Handler {
  const { editWindowMs: windowMs } = parts.windows;
  return async (context) => {
    const { messageId, body, extra, clientId } = context.body(MessageEditReqSchema);
    checkMessageId(messageId);
    checkTexts(parts.limits, context, { body, extra, clientId });
    const { app, account: actor } = context;
    await changeMessage(parts, context, { kind: "edit", app, actor, messageId, body, extra, clientId, windowMs });
  };
}

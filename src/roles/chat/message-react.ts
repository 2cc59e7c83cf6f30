// chat.message.react: adds a reaction to a message, or takes it back.

import type { Handler } from "../../service/router.ts";
import { MessageReactReqSchema } from "../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "./chat-parts.ts";
import { checkMessageId } from "./conversation-name.ts";
import { changeMessage } from "./message-change.ts";
import { checkReaction } from "./text-bounds.ts";

/** One reaction of each kind for each account; repeating it is Success. */
export function messageReact(parts: ChatParts): Handler {
  return async (context) => {
    const { messageId, reaction, off: isOff } = context.body(MessageReactReqSchema);
    checkMessageId(messageId);
    checkReaction(reaction);
    const { app, account: actor } = context;
    await changeMessage(parts, context, { kind: "react", app, actor, messageId, reaction, isOff });
  };
}

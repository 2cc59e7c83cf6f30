// chat.conversation.read: moves this account's read cursor of a conversation forward, never back.

import { Refusal } from "../../service/refusal.ts";
import type { Handler } from "../../service/router.ts";
import { ConversationReadReqSchema, Status } from "../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "./chat-parts.ts";
import { checkMessageId, conversationOf } from "./conversation-name.ts";
import { pushRead } from "./conversation-pushes.ts";

/** Answers after the store has; a cursor that is further already is Success and told to nobody. */
export function conversationRead(parts: ChatParts): Handler {
  const { store, allowance } = parts;
  return async (context) => {
    const request = context.body(ConversationReadReqSchema);
    const name = conversationOf(request);
    const { messageId } = request;
    checkMessageId(messageId);
    const { app, account } = context;
    allowance.admit(app, context.payer);
    const outcome = await store.markRead({ app, account, ...name, messageId });
    switch (outcome.result) {
      case "notFound":
        throw new Refusal(Status.NotFound, "you have no such conversation, or may read no such message in it");
      case "future":
        throw new Refusal(Status.InvalidPacketBody, "there is no message with that id yet");
      case "unchanged":
      case "moved":
        context.respondEmpty();
        // A repetition may be of a move that another node has stored, and told nobody of.
        if (outcome.readId === messageId && !parts.told.tellRead(app, account, name, messageId))
          pushRead(parts, context, name, messageId, outcome.isPrivate === true);
    }
  };
}

// Messages as the messenger shows them, from what the server sends.

import type { HistoryMessage } from "../../wire/gen/messages/history-message.ts";
import type { Message } from "../message.ts";
import type { ChatMessage } from "./messenger-types.ts";

/** A message as the server has it now. */
export function messageNow(message: HistoryMessage): ChatMessage {
  const { messageId: id, edited: isEdited, recalled: isRecalled } = message;
  const reactions = message.reactions.map(({ reaction, count, mine }) => ({ reaction, count, isMine: mine }));
  return { ...newMessage({ ...message, id }), isEdited, isRecalled, reactions };
}

/** A message that was just stored; `clientId` if this client sent it. */
export function newMessage(message: Omit<Message, "receiver" | "group" | "isOffline">, clientId = ""): ChatMessage {
  const { id, sender, sendTime, type, body, extra, mentions, replyTo, media } = message;
  const kept = { id, sender, sendTime, type, body, extra, mentions, replyTo, media };
  return { ...kept, clientId, isEdited: false, isRecalled: false, reactions: [], state: "stored" };
}

/** A recalled message: nothing of its contents is left. */
export function blank(message: ChatMessage): ChatMessage {
  return { ...message, body: "", extra: "", mentions: [], media: [], reactions: [], isRecalled: true };
}

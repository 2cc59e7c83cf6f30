// Changes of messages.

import type { Changes } from "./changes.ts";
import type { ChatMessage, ReactionCount } from "./messenger-types.ts";

/** Undefined: the message is not shown. */
export type MessageChange = (message: ChatMessage) => ChatMessage | undefined;

export type MessageChanges = Changes<bigint, MessageChange>;

/** The message with the changes, the same object if there are none; undefined if it is not shown. */
export function changed(message: ChatMessage, changes: readonly MessageChange[]): ChatMessage | undefined {
  return changes.reduce<ChatMessage | undefined>((now, change) => now && change(now), message);
}

export const hidden: MessageChange = () => undefined;

export function edited(body: string, extra: string): MessageChange {
  return (message) => (message.isRecalled ? message : { ...message, body, extra, isEdited: true });
}

/** Adds this account's reaction, or takes it back; nothing if that is so already. */
export function reacted(reaction: string, isOn: boolean): MessageChange {
  return (message) => {
    const former = message.reactions.find((one) => one.reaction === reaction);
    if (message.isRecalled || (former?.isMine ?? false) === isOn) return message;
    const count = (former?.count ?? 0) + (isOn ? 1 : -1);
    const now: ReactionCount = { reaction, count, isMine: isOn };
    const reactions = former
      ? message.reactions.map((one) => (one === former ? now : one))
      : [...message.reactions, now];
    return { ...message, reactions: reactions.filter((one) => one.count > 0) };
  };
}

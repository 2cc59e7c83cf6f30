// Changes of messages that are shown before the server confirms them. A change that is refused is taken away; those of
// the same message that were made besides it stay.

import { blank } from "./chat-message.ts";
import type { ChatMessage, ReactionCount } from "./messenger-types.ts";

export type MessageChange = (message: ChatMessage) => ChatMessage;

export class MessageChanges {
  private readonly changes = new Map<bigint, MessageChange[]>();

  /** Adds a change; returns a function that takes it away. */
  add(id: bigint, change: MessageChange): () => void {
    const list = this.changes.get(id) ?? [];
    this.changes.set(id, [...list, change]);
    return () => {
      const rest = (this.changes.get(id) ?? []).filter((other) => other !== change);
      if (rest.length > 0) this.changes.set(id, rest);
      else this.changes.delete(id);
    };
  }

  /** The message with the changes; the same object if there are none. */
  shown(message: ChatMessage): ChatMessage {
    return (this.changes.get(message.id) ?? []).reduce((now, change) => change(now), message);
  }
}

export const recalled: MessageChange = blank;

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

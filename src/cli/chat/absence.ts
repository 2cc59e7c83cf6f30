// Collects the messages missed during an absence, for a terminal: the last ones of each conversation, and counts of the
// rest. Conversations and messages are bounded. A message's promise resolves when it is shown or counted.

import type { Message } from "../../sdk/message.ts";

/** The most messages of a conversation. */
export const shownMax = 20;
/** The most conversations: those with the newest messages. */
const conversationsMax = 20;

interface Kept {
  readonly message: Message;
  readonly taken: () => void;
}

interface Conversation {
  readonly kept: Kept[];
  /** The number of earlier messages. */
  left: number;
}

/** The missed messages of a conversation, in the order of their ids. */
export interface Missed {
  readonly messages: readonly Message[];
  /** The number of earlier missed messages, which are not shown. */
  readonly left: number;
  /** The caller calls this when the messages are shown. */
  readonly shown: () => void;
}

export class Absence {
  /** Ordered by their newest messages. */
  private readonly conversations = new Map<string, Conversation>();
  /** The number of messages in conversations that are not shown. */
  others = 0;

  /** Adds a message; `account` is the signed-in account. */
  add(message: Message, account: string): Promise<void> {
    const { group, sender, receiver } = message;
    const key = group === "" ? `u${sender === account ? receiver : sender}` : `g${group}`;
    const conversation = this.conversations.get(key) ?? { kept: [], left: 0 };
    this.conversations.delete(key);
    this.conversations.set(key, conversation);
    const { promise, resolve } = Promise.withResolvers<void>();
    conversation.kept.push({ message, taken: resolve });
    if (conversation.kept.length > shownMax) {
      conversation.kept.shift()?.taken();
      conversation.left++;
    }
    if (this.conversations.size > conversationsMax) this.dropOldest();
    return promise;
  }

  /** Removes and returns the messages to show, the conversation with the newest message last. */
  take(): Missed[] {
    const missed = [...this.conversations.values()].map(({ kept, left }): Missed => ({
      messages: kept.map(({ message }) => message),
      left,
      shown: () => {
        for (const { taken } of kept) taken();
      },
    }));
    this.conversations.clear();
    return missed;
  }

  private dropOldest(): void {
    for (const [key, { kept, left }] of this.conversations) {
      this.conversations.delete(key);
      this.others += left + kept.length;
      for (const { taken } of kept) taken();
      return;
    }
  }
}

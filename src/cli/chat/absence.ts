// What came while nobody looked, as a terminal shows it: the last messages of each conversation, and a count of the
// others. Bounded by conversations and messages, however many come. A message's promise resolves when it is shown or
// only counted.

import type { Message } from "../../sdk/message.ts";

/** Messages of a conversation that are shown. */
export const shownMax = 20;
/** Conversations of which messages are shown: those that have the newest ones. */
const conversationsMax = 20;

interface Kept {
  readonly message: Message;
  readonly taken: () => void;
}

interface Conversation {
  readonly kept: Kept[];
  /** Messages before them. */
  left: number;
}

/** A conversation's messages to show, in the order of their ids. */
export interface Missed {
  readonly messages: readonly Message[];
  /** Messages before them that are not shown. */
  readonly left: number;
  /** To be called when they are shown. */
  readonly shown: () => void;
}

export class Absence {
  /** By the partner; the one with the newest message last. */
  private readonly conversations = new Map<string, Conversation>();
  /** Messages of conversations of which none is shown. */
  others = 0;

  /** `account` is whose messages they are. */
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

  /** What is to be shown, conversation by conversation, the newest last. Nothing is left here after it. */
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

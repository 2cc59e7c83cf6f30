// The messages that a person has seen in this session, by the numbers that stand beside them.

import type { ChatMessage, Partner } from "../../sdk/messenger/messenger-types.ts";
import { keyOf } from "../../sdk/messenger/partner.ts";

/** The most messages; the oldest are forgotten, and their numbers are not used again. */
const shownMax = 1_000;

export interface Shown {
  /** Counts from 1. */
  readonly number: number;
  readonly partner: Partner;
  /** As it was last seen. */
  readonly message: ChatMessage;
  /** The conversation in its line; '' where it was the current one. */
  readonly where: string;
  /** What it answers, as `quote` formats it; '' for nothing. */
  readonly answers: string;
  /** Whether its line shows that the partner has read it. */
  readonly isRead: boolean;
}

export class ShownMessages {
  /** In the order of their numbers. */
  private readonly byId = new Map<bigint, Shown>();
  private last = 0;

  get(id: bigint): Shown | undefined {
    return this.byId.get(id);
  }

  byNumber(number: number): Shown | undefined {
    return this.newest((shown) => shown.number === number);
  }

  /** Returns the newest message, by id, that `isMeant`. */
  newest(isMeant: (shown: Shown) => boolean): Shown | undefined {
    let found: Shown | undefined;
    for (const shown of this.byId.values())
      if ((found === undefined || shown.message.id > found.message.id) && isMeant(shown)) found = shown;
    return found;
  }

  /** Returns all messages, in the order of their numbers. */
  all(): Iterable<Shown> {
    return this.byId.values();
  }

  /** Returns the messages of a conversation, by its key. */
  of(key: string): Shown[] {
    return [...this.byId.values()].filter(({ partner }) => keyOf(partner) === key);
  }

  /** Gives a message a number, or keeps the one that it has; `message` replaces what was known of it. */
  add(shown: Omit<Shown, "number">): Shown {
    const { message } = shown;
    const numbered = { ...shown, number: this.byId.get(message.id)?.number ?? ++this.last };
    this.byId.set(message.id, numbered);
    if (this.byId.size > shownMax) {
      for (const id of this.byId.keys()) {
        this.byId.delete(id);
        break;
      }
    }
    return numbered;
  }
}

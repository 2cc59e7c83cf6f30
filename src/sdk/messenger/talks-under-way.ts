// Tells a message that this client has sent from one of the account's other devices. The index may have it before the
// talk is answered, or instead of a lost answer: whether it is this client's is known once its talks are over.

import { dropOldest } from "../bounded.ts";

/** The bound on ids of own messages. */
const ownMax = 1_000;

export class TalksUnderWay {
  private readonly talks = new Map<string, Set<Promise<unknown>>>();
  private readonly own = new Set<bigint>();
  /** Resolves when the messages that wait have been delivered. */
  private queued: Promise<void> | undefined;

  /** Follows a talk in a conversation. */
  async follow<Result extends { readonly id: bigint }>(key: string, talk: Promise<Result>): Promise<Result> {
    const talks = this.talks.get(key) ?? new Set();
    this.talks.set(key, talks);
    talks.add(talk);
    try {
      const stored = await talk;
      this.own.add(stored.id);
      dropOldest(this.own, ownMax);
      return stored;
    } finally {
      talks.delete(talk);
      if (talks.size === 0) this.talks.delete(key);
    }
  }

  /**
   * Delivers a message, unless this client has sent it: `key` is the conversation of one of this account's, else ''. It
   * waits for the talks that are under way there, and later messages for it, so that they stay in order. Resolves as
   * `deliver` does.
   */
  inTurn(id: bigint, key: string, deliver: () => Promise<boolean> | undefined): Promise<boolean> | undefined {
    const talks = this.talks.get(key);
    if (talks === undefined && this.queued === undefined) return deliver();
    const turn = Promise.all([this.queued, talks && Promise.allSettled(talks)]);
    const delivered = turn.then(() => this.own.has(id) || (deliver() ?? true));
    const waiting = turn.then(() => {
      if (this.queued === waiting) this.queued = undefined;
    });
    this.queued = waiting;
    return delivered;
  }
}

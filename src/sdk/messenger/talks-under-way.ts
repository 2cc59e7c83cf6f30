// Tells a message that this client has sent from one of the account's other devices. The index may have it before the
// talk is answered, or instead of a lost answer: whether it is this client's is known once its talks are over.

/** The bound on ids of own messages. */
const ownMax = 1_000;

export class TalksUnderWay {
  private readonly talks = new Map<string, Set<Promise<unknown>>>();
  private readonly own = new Set<bigint>();

  /** Follows a talk in a conversation. */
  async follow<Result extends { readonly id: bigint }>(key: string, talk: Promise<Result>): Promise<Result> {
    const talks = this.talks.get(key) ?? new Set();
    this.talks.set(key, talks);
    talks.add(talk);
    try {
      const stored = await talk;
      this.own.add(stored.id);
      if (this.own.size > ownMax) for (const oldest of [...this.own].slice(0, 1)) this.own.delete(oldest);
      return stored;
    } finally {
      talks.delete(talk);
      if (talks.size === 0) this.talks.delete(key);
    }
  }

  isOwn(id: bigint): boolean {
    return this.own.has(id);
  }

  /** Resolves when the talks that are under way in a conversation are over; undefined if there are none. */
  over(key: string): Promise<unknown> | undefined {
    const talks = this.talks.get(key);
    return talks && Promise.allSettled(talks);
  }
}

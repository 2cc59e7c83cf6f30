// The talks of requests to many receivers that are under way: so few that the talks of clients and of other requests
// do not wait long behind them. Keys take turns: one with many such requests does not stop another's.

const talksMax = 4_000;

interface Turn {
  readonly talks: number;
  readonly start: () => void;
}

export class TalkTurns {
  private free = talksMax;
  /** By keys, whose order is that of their turns; without empty ones. */
  private readonly waiting = new Map<string, Turn[]>();

  /** Resolves when it is the turn of so many talks (at most `talksMax`); undefined: at once. */
  take(key: string, talks: number): Promise<void> | undefined {
    if (this.waiting.size === 0 && this.free >= talks) {
      this.free -= talks;
      return undefined;
    }
    return new Promise((start) => {
      this.waiting.getOrInsertComputed(key, () => []).push({ talks, start });
    });
  }

  /** Gives back what was taken. */
  release(talks: number): void {
    this.free += talks;
    for (const [key, turns] of this.waiting) {
      const [first] = turns;
      if (first === undefined || this.free < first.talks) return;
      turns.shift();
      this.waiting.delete(key);
      // Behind the others.
      if (turns.length > 0) this.waiting.set(key, turns);
      this.free -= first.talks;
      first.start();
    }
  }
}

// Merges ascending streams of ids that are read over a network: streams request ids in rounds, so that many quiet
// streams and a busy one take few round trips and read little more than needed. Pure.
//
// Invariant: all ids up to the horizon (the least position of the unfinished streams) are known.

/** Ids above `after` and below `below`, in ascending order. */
export interface IdRange {
  readonly after: bigint;
  readonly below: bigint;
}

/** A request to read the next `count` ids above `after` of a stream. */
export interface Want {
  readonly stream: number;
  readonly after: bigint;
  readonly count: number;
}

interface Stream {
  after: bigint;
  count: number;
  isFinished: boolean;
}

export class StreamMerge {
  private readonly streams: readonly Stream[];
  private readonly limit: number;
  /** Ids up to the horizon, in order. */
  private readonly merged: bigint[] = [];
  /** Ids above it. */
  private waiting: bigint[] = [];

  /** The streams have no ids in common. Reads `limit` ids, beginning with `first` of each stream. */
  constructor(ranges: readonly IdRange[], limit: number, first: number) {
    this.limit = limit;
    this.streams = ranges.map(({ after, below }) => ({ after, count: first, isFinished: after >= below - 1n }));
  }

  /** Returns what to read now; nothing if `taken` is complete. */
  wants(): Want[] {
    if (this.merged.length >= this.limit) return [];
    const horizon = this.horizon();
    const wants: Want[] = [];
    for (const [stream, { after, count, isFinished }] of this.streams.entries()) {
      if (!isFinished && after === horizon) wants.push({ stream, after, count });
    }
    return wants;
  }

  /** Takes what was read for a request: fewer ids than requested end the stream. */
  supply(want: Want, ids: readonly bigint[]): void {
    const stream = this.streams[want.stream];
    if (stream === undefined) return;
    for (const id of ids) this.waiting.push(id);
    stream.after = ids.at(-1) ?? want.after;
    stream.isFinished = ids.length < want.count;
    stream.count = Math.min(want.count * 2, this.limit);
  }

  /** Call after all requests of a round were supplied: moves the ids up to the horizon. */
  settle(): void {
    const horizon = this.horizon();
    const certain = this.waiting.filter((id) => horizon === undefined || id <= horizon);
    if (horizon === undefined) this.waiting = [];
    else this.waiting = this.waiting.filter((id) => id > horizon);
    for (const id of certain.toSorted((a, b) => (a < b ? -1 : 1))) this.merged.push(id);
  }

  taken(): readonly bigint[] {
    return this.merged.slice(0, this.limit);
  }

  /** Returns undefined if every stream has ended. */
  private horizon(): bigint | undefined {
    let least: bigint | undefined;
    for (const { after, isFinished } of this.streams) {
      if (!isFinished && (least === undefined || after < least)) least = after;
    }
    return least;
  }
}

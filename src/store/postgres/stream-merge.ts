// Merges rising streams of ids that are read over a network: streams ask for what they need in rounds, so that many
// quiet streams and one busy one cost a few round trips and not much more than what is taken. Pure.
//
// Invariant: up to the horizon (the least of what the unfinished streams have read) every id of every stream is known.

/** Ids above `after` and below `below`, in rising order. */
export interface IdRange {
  readonly after: bigint;
  readonly below: bigint;
}

/** What to read of stream `stream`: the next `count` ids above `after`. */
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

  /** Streams without ids in common; `limit` ids are wanted, `first` of each stream at first. */
  constructor(ranges: readonly IdRange[], limit: number, first: number) {
    this.limit = limit;
    this.streams = ranges.map(({ after, below }) => ({ after, count: first, isFinished: after >= below - 1n }));
  }

  /** What to read now; nothing when `taken` has what it can have. */
  wants(): Want[] {
    if (this.merged.length >= this.limit) return [];
    const horizon = this.horizon();
    const wants: Want[] = [];
    for (const [stream, { after, count, isFinished }] of this.streams.entries()) {
      if (!isFinished && after === horizon) wants.push({ stream, after, count });
    }
    return wants;
  }

  /** What was read for a want: fewer ids than wanted mean that the stream ends. */
  supply(want: Want, ids: readonly bigint[]): void {
    const stream = this.streams[want.stream];
    if (stream === undefined) return;
    for (const id of ids) this.waiting.push(id);
    stream.after = ids.at(-1) ?? want.after;
    stream.isFinished = ids.length < want.count;
    stream.count = Math.min(want.count * 2, this.limit);
  }

  /** After all wants of a round were supplied: moves what is certain. */
  settle(): void {
    const horizon = this.horizon();
    const certain = this.waiting.filter((id) => horizon === undefined || id <= horizon);
    if (horizon === undefined) this.waiting = [];
    else this.waiting = this.waiting.filter((id) => id > horizon);
    for (const id of certain.toSorted((a, b) => (a < b ? -1 : 1))) this.merged.push(id);
  }

  /** The smallest ids of all streams, at most `limit`. */
  taken(): readonly bigint[] {
    return this.merged.slice(0, this.limit);
  }

  /** Undefined when every stream is read to its end. */
  private horizon(): bigint | undefined {
    let least: bigint | undefined;
    for (const { after, isFinished } of this.streams) {
      if (!isFinished && (least === undefined || after < least)) least = after;
    }
    return least;
  }
}

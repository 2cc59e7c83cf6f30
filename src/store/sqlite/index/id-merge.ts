// Merges ascending streams of ids, without duplicates. Streams are read in chunks, so that little more is read than
// needed.

/** An ascending stream of ids. */
export interface IdStream {
  /** The stream has ids above this one. */
  readonly after: bigint;
  readonly chunk: number;
  /** Returns the next ids above `from`, at most `count`; fewer at the end of the stream. */
  next(from: bigint, count: number): readonly bigint[];
}

interface Head {
  id: bigint;
  at: number;
  ids: readonly bigint[];
  readonly stream: IdStream;
}

/** Yields the ids of all streams in ascending order, without duplicates. */
export function* mergeAscending(streams: readonly IdStream[]): Generator<bigint, void, void> {
  const heap: Head[] = [];
  for (const stream of streams) {
    const ids = stream.next(stream.after, stream.chunk);
    const [first] = ids;
    if (first === undefined) continue;
    heap.push({ id: first, at: 0, ids, stream });
    siftUp(heap, heap.length - 1);
  }
  let last: bigint | undefined;
  for (let head = heap[0]; head !== undefined; head = heap[0]) {
    if (head.id !== last) yield head.id;
    last = head.id;
    if (!advance(head)) {
      const tail = heap.pop();
      if (tail === undefined || tail === head) continue;
      heap[0] = tail;
    }
    siftDown(heap);
  }
}

/** A stream of what a generator yields; it is read once, from its start. */
export function chunked(ids: Iterator<bigint, void>, after: bigint): IdStream {
  const next = (_: bigint, count: number): bigint[] => {
    const found: bigint[] = [];
    while (found.length < count) {
      const step = ids.next();
      if (step.done === true) break;
      found.push(step.value);
    }
    return found;
  };
  return { after, chunk: 256, next };
}

function advance(head: Head): boolean {
  head.at++;
  if (head.at === head.ids.length) {
    if (head.ids.length < head.stream.chunk) return false;
    head.ids = head.stream.next(head.id, head.stream.chunk);
    head.at = 0;
  }
  const id = head.ids[head.at];
  if (id === undefined) return false;
  head.id = id;
  return true;
}

function siftUp(heap: Head[], from: number): void {
  let at = from;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent];
    const below = heap[at];
    if (above === undefined || below === undefined || above.id <= below.id) return;
    heap[parent] = below;
    heap[at] = above;
    at = parent;
  }
}

function siftDown(heap: Head[]): void {
  let at = 0;
  for (;;) {
    let least = at;
    for (const child of [2 * at + 1, 2 * at + 2]) {
      const candidate = heap[child];
      const best = heap[least];
      if (candidate !== undefined && best !== undefined && candidate.id < best.id) least = child;
    }
    const above = heap[at];
    const below = heap[least];
    if (least === at || above === undefined || below === undefined) return;
    heap[at] = below;
    heap[least] = above;
    at = least;
  }
}

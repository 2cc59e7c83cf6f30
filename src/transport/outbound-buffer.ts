// The unsent bytes of one connection: a window [start, end) of a pooled buffer. Whole frames are appended at the end;
// the socket takes any number of bytes from the start.
//
// Invariant: 0 <= start <= end <= bytes.length, and an empty window has no buffer. The window moves when it grows or is
// trimmed, so `bytes` and `start` must be read again after every `reserve` and `trim`.
//
// The windows come from a pool, too: the flushes of one turn reuse a handful of them, and an idle connection has none.

import { assert } from "../base/assert.ts";
import { BufferPool, pooledBytesMin, retainedBytesMax } from "./buffer-pool.ts";

const nothing = Buffer.alloc(0);

/** A buffer up to this size is kept until its window is empty. */
const keptBytesMax = 64 * 1024;

/** A byte queue that grows geometrically; its owner checks the bound. */
export class OutboundBuffer {
  private readonly pool: BufferPool;
  /** The buffer of the window; the connection owns it while the window is not empty. */
  bytes: Buffer = nothing;
  start = 0;
  private end = 0;
  /** The start of the last room that was reserved. */
  private lastAt = 0;

  constructor(pool: BufferPool) {
    this.pool = pool;
  }

  /** Unsent bytes. */
  get pendingBytes(): number {
    return this.end - this.start;
  }

  /** Appends room for `length` bytes (> 0), which the caller writes at once. Returns its offset in `bytes`. */
  reserve(length: number): number {
    if (this.end + length > this.bytes.length) this.makeRoom(length);
    const at = this.end;
    this.lastAt = at;
    this.end += length;
    return at;
  }

  /** Removes the room that was reserved last, of which nothing was sent. */
  unreserve(): void {
    assert(this.start <= this.lastAt && this.lastAt <= this.end, "what is taken back has not left");
    this.end = this.lastAt;
    if (this.start === this.end) this.clear();
  }

  /** Removes `length` bytes from the start: they were sent. */
  consume(length: number): void {
    assert(length <= this.end - this.start, "no more bytes leave than waited");
    this.start += length;
    if (this.start === this.end) this.clear();
  }

  /**
   * Moves the window to a smaller buffer if it uses less than half of a large one. The kernel takes most of a large
   * answer at once; a peer that stops reading must only hold the rest. Amortised: each byte sent pays for at most one
   * byte copied.
   */
  trim(): void {
    const { bytes, start, end } = this;
    if (bytes.length <= keptBytesMax || 2 * (end - start) >= bytes.length) return;
    const smaller = this.pool.take(end - start);
    bytes.copy(smaller, 0, start, end);
    this.pool.give(bytes);
    this.bytes = smaller;
    this.start = 0;
    this.end = end - start;
    this.lastAt -= start;
  }

  /** Empties the window and returns its buffer. */
  clear(): void {
    const buffer = this.detach();
    if (buffer.length > 0) this.pool.give(buffer);
  }

  /** Empties the window and passes its buffer to the caller, which read the window before and returns the buffer. */
  detach(): Buffer {
    const buffer = this.bytes;
    this.bytes = nothing;
    this.start = 0;
    this.end = 0;
    return buffer;
  }

  private makeRoom(length: number): void {
    const pending = this.end - this.start;
    const needed = pending + length;
    // Moving in place amortises if at least half of the buffer becomes free.
    if (needed <= this.bytes.length && this.start >= this.bytes.length / 2) {
      this.bytes.copyWithin(0, this.start, this.end);
    } else {
      const grown = this.pool.take(Math.max(needed, this.bytes.length === 0 ? 0 : this.bytes.length * 2));
      this.bytes.copy(grown, 0, this.start, this.end);
      if (this.bytes.length > 0) this.pool.give(this.bytes);
      this.bytes = grown;
    }
    this.start = 0;
    this.end = pending;
  }
}

/** The queue of every connection with nothing to send; always empty. */
export const noQueue = new OutboundBuffer(new BufferPool());

/** Free queues kept, one for each smallest buffer that the pool keeps: a broadcast fills thousands in one turn. */
const queuesKeptMax = retainedBytesMax / pooledBytesMin;

/** The pool of queues, and of their buffers. */
export class OutboundPool {
  readonly buffers = new BufferPool();
  private readonly free: OutboundBuffer[] = [];

  /** Returns an empty queue, which the caller owns until it returns it. */
  take(): OutboundBuffer {
    return this.free.pop() ?? new OutboundBuffer(this.buffers);
  }

  /** Returns a queue and its buffer to the pool. */
  give(queue: OutboundBuffer): void {
    queue.clear();
    if (this.free.length < queuesKeptMax) this.free.push(queue);
  }
}

// What one connection has accepted and its socket not yet taken: a window [start, end) on a pooled buffer. Whole frames
// are appended at the end; the socket takes any number of bytes from the start.
//
// Invariant: 0 <= start <= end <= bytes.length, and an empty window holds no buffer. The window moves when it grows and when
// it is trimmed, so `bytes` and `start` are read again after every `reserve` and `trim`.
//
// The windows themselves come from a pool, too: what flushes in one turn uses a handful of them, again and again, and an
// idle connection has none.

import { assert } from "../base/assert.ts";
import { BufferPool, pooledBytesMin, retainedBytesMax } from "./buffer-pool.ts";

const nothing = Buffer.alloc(0);

/** A buffer of at most so many bytes is kept until its window is empty. */
const keptBytesMax = 64 * 1024;

/** A byte queue that grows geometrically; its bound is its owner's to check. */
export class OutboundBuffer {
  private readonly pool: BufferPool;
  /** The buffer that holds the window. Of the connection, for as long as the window is not empty. */
  bytes: Buffer = nothing;
  start = 0;
  private end = 0;
  /** Where the room that was given last begins. */
  private lastAt = 0;

  constructor(pool: BufferPool) {
    this.pool = pool;
  }

  /** Bytes that wait. */
  get pendingBytes(): number {
    return this.end - this.start;
  }

  /** Appends room for `length` bytes (> 0), to be written at once. Returns its offset in `bytes`. */
  reserve(length: number): number {
    if (this.end + length > this.bytes.length) this.makeRoom(length);
    const at = this.end;
    this.lastAt = at;
    this.end += length;
    return at;
  }

  /** Takes back the room that was given last, of which nothing has left. */
  unreserve(): void {
    assert(this.start <= this.lastAt && this.lastAt <= this.end, "what is taken back has not left");
    this.end = this.lastAt;
    if (this.start === this.end) this.clear();
  }

  /** Takes `length` bytes from the start: they have left. */
  consume(length: number): void {
    assert(length <= this.end - this.start, "no more bytes leave than waited");
    this.start += length;
    if (this.start === this.end) this.clear();
  }

  /**
   * Moves what waits into a smaller buffer if less than half of a large one is in use. Of a large answer the kernel takes
   * most at once; a peer that does not read on must hold what is left of it, and not what there was. Each byte that has left
   * pays for at most one that is copied.
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

  /** Drops what waits and gives the buffer back. */
  clear(): void {
    const buffer = this.detach();
    if (buffer.length > 0) this.pool.give(buffer);
  }

  /** Hands the buffer to the caller, who read the window first and gives the buffer to the pool in the end. */
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
    // Moving in place pays when at least half of the buffer comes free; else the moves would not amortise.
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

/** Of those that have nothing to send: always empty. Nobody reserves in it. */
export const noQueue = new OutboundBuffer(new BufferPool());

/** Queues kept for later, one for each of the smallest buffers that are: a broadcast fills thousands in one turn. */
const queuesKeptMax = retainedBytesMax / pooledBytesMin;

/** Outbound buffers for who has something to send, and the pool of their bytes. */
export class OutboundPool {
  readonly buffers = new BufferPool();
  private readonly free: OutboundBuffer[] = [];

  /** An empty one; of the caller until it gives it back. */
  take(): OutboundBuffer {
    return this.free.pop() ?? new OutboundBuffer(this.buffers);
  }

  /** Takes one back, with what waits in it. */
  give(queue: OutboundBuffer): void {
    queue.clear();
    if (this.free.length < queuesKeptMax) this.free.push(queue);
  }
}

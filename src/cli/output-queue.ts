// What a command writes to a stream that must get all of it: a queue before a descriptor, in order, without loss. What
// is written counts once the operating system has taken it, and only then does `write` resolve; a command that prints
// much, or that acknowledges what it printed, waits for that. The queue is as long as its callers let it be.

import type { LineSink } from "./line-writer.ts";

interface Waiting {
  readonly bytes: Uint8Array;
  readonly taken: () => void;
}

/** Pauses before the next try at a stream that is full, in milliseconds. */
const shortestPauseMs = 1;
const longestPauseMs = 20;

export class OutputQueue {
  private readonly sink: LineSink;
  private readonly failed: (error: unknown) => void;
  private readonly queue: Waiting[] = [];
  /** Bytes of the queue's head that are written. */
  private written = 0;
  private isWaiting = false;
  private pauseMs = shortestPauseMs;
  private hasFailed = false;

  /** `failed` is called once, when the stream takes nothing any more: what is not written by then never is. */
  constructor(sink: LineSink, failed: (error: unknown) => void) {
    this.sink = sink;
    this.failed = failed;
  }

  /** Resolves when the operating system has taken all of `text` and what was written before; never after a failure. */
  write(text: string): Promise<void> {
    return new Promise((taken) => {
      this.queue.push({ bytes: Buffer.from(text), taken });
      if (!this.isWaiting) this.advance();
    });
  }

  /** Resolves when all is written; never after a failure. */
  drained(): Promise<void> {
    return this.write("");
  }

  private advance(): void {
    this.isWaiting = false;
    while (!this.hasFailed) {
      const [head] = this.queue;
      if (head === undefined) return;
      if (this.written < head.bytes.length) {
        let count = 0;
        try {
          count = this.sink.write(head.bytes.subarray(this.written));
        } catch (error) {
          this.hasFailed = true;
          this.failed(error);
          return;
        }
        if (count === 0) {
          this.isWaiting = true;
          setTimeout(() => this.advance(), this.pauseMs);
          this.pauseMs = Math.min(2 * this.pauseMs, longestPauseMs);
          return;
        }
        this.pauseMs = shortestPauseMs;
        this.written += count;
        if (this.written < head.bytes.length) continue;
      }
      this.queue.shift();
      this.written = 0;
      head.taken();
    }
  }
}

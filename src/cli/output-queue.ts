// A queue of output for a descriptor, in order and without loss. `write` resolves when the operating system has
// accepted the text; commands that print much, or acknowledge what they printed, wait for that. The callers bound the
// queue.

import type { LineSink } from "./line-writer.ts";

interface Waiting {
  readonly bytes: Uint8Array;
  readonly taken: () => void;
}

/** Pauses before the next attempt to write to a full stream, in milliseconds. */
const shortestPauseMs = 1;
const longestPauseMs = 20;

export class OutputQueue {
  private readonly sink: LineSink;
  private readonly failed: (error: unknown) => void;
  private readonly queue: Waiting[] = [];
  /** The bytes of the first entry that are written. */
  private written = 0;
  private isWaiting = false;
  private pauseMs = shortestPauseMs;
  private hasFailed = false;

  /** `failed` is called once, when the stream fails: the rest of the queue is never written. */
  constructor(sink: LineSink, failed: (error: unknown) => void) {
    this.sink = sink;
    this.failed = failed;
  }

  /** Resolves when the operating system has accepted `text` and everything before it; never after a failure. */
  write(text: string): Promise<void> {
    return new Promise((taken) => {
      this.queue.push({ bytes: Buffer.from(text), taken });
      if (!this.isWaiting) this.advance();
    });
  }

  /** Resolves when the queue is empty; never after a failure. */
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

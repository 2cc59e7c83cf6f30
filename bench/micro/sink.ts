// A connection whose bytes go nowhere: what stands above a transport is measured without one.

import type { Connection } from "../../src/transport/transport.ts";

const bytes = 256 * 1024;

export class SinkConnection implements Connection {
  readonly remoteAddress = "127.0.0.1";
  readonly isOpen = true;
  readonly unsentBytes = 0;
  frameBytesMax = 1;
  readonly outbound = Buffer.alloc(bytes);
  /** Frames that were taken. */
  frames = 0;
  /** Where the last one lies in `outbound`. */
  last = 0;
  /** Where it ends. */
  lastEnd = 0;

  reserve(payloadBytes: number): number {
    if (this.lastEnd + payloadBytes > bytes) this.lastEnd = 0;
    this.last = this.lastEnd;
    this.lastEnd += payloadBytes;
    this.frames++;
    return this.last;
  }

  identified(): void {}
  handOver(): void {}
  unreserve(): void {
    this.lastEnd = this.last;
    this.frames--;
  }

  send(payload: Uint8Array): boolean {
    this.outbound.set(payload, this.reserve(payload.length));
    return true;
  }

  /** There is nothing to end. */
  close(): void {}

  fail(bug: unknown): void {
    throw bug;
  }
}

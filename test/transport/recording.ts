// Handlers that remember what they saw, and options with small waits: shared by the transports' tests.

import { TimerWheel } from "../../src/base/timer-wheel.ts";
import { Flusher } from "../../src/transport/flusher.ts";
import type { Acceptor, Connection, FrameHandler, TransportOptions } from "../../src/transport/transport.ts";
import type { CloseReason } from "../../src/wire/close-reason.ts";

/** One connection's owner: copies every frame, remembers the end. */
export class Recording implements FrameHandler {
  readonly frames: Buffer[] = [];
  readonly reasons: CloseReason[] = [];
  /** Called after each frame. */
  onFrame: (payload: Buffer) => void = () => {};
  readonly connection: Connection;
  private waiting: { holds: () => boolean; resolve: () => void }[] = [];

  constructor(connection: Connection) {
    this.connection = connection;
  }

  frame(bytes: Buffer, start: number, end: number): void {
    const payload = bytes.subarray(start, end);
    if (this.reasons.length > 0) throw new Error("a frame after the end");
    this.frames.push(Buffer.from(payload));
    this.onFrame(payload);
    this.wake();
  }

  closed(reason: CloseReason): void {
    this.reasons.push(reason);
    this.wake();
  }

  /** Resolves as soon as `holds` does; looked at after each frame and at the end. */
  until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push({ holds, resolve }));
  }

  framesReach(count: number): Promise<void> {
    return this.until(() => this.frames.length >= count);
  }

  async end(): Promise<CloseReason> {
    await this.until(() => this.reasons.length > 0);
    const [reason] = this.reasons;
    if (reason === undefined) throw new Error("it ended");
    return reason;
  }

  private wake(): void {
    const held = this.waiting.filter(({ holds }) => holds());
    this.waiting = this.waiting.filter((waiter) => !held.includes(waiter));
    for (const { resolve } of held) resolve();
  }
}

/** Accepts every connection; adds its owner to `accepted`. */
export function recordingAcceptor(accepted: Recording[]): Acceptor {
  return {
    accept(connection) {
      const owner = new Recording(connection);
      accepted.push(owner);
      return owner;
    },
  };
}

/** Counts what an observer is called with. */
export class Counts {
  in = 0;
  out = 0;
  gone = 0;
  readonly faults: string[] = [];
  readonly bugs: unknown[] = [];
  bytesIn(bytes: number): void {
    this.in += bytes;
  }
  bytesOut(bytes: number): void {
    this.out += bytes;
  }
  protocolFault(kind: string): void {
    this.faults.push(kind);
  }
  peerGone(): void {
    this.gone++;
  }
  bug(bug: unknown): void {
    this.bugs.push(bug);
  }
}

export interface TestOptions extends TransportOptions {
  readonly observer: Counts;
  readonly connectTimeoutMs: number;
}

/** Options whose wheel stands still until the test advances it. */
export function testOptions(overrides: Partial<TestOptions> = {}): TestOptions {
  return {
    frameBytesMax: 1024 * 1024,
    unsentBytesMax: 1024 * 1024,
    closeWhenSlow: true,
    readWaitMs: 60_000,
    writeWaitMs: 10_000,
    wheel: new TimerWheel(10, 64),
    flusher: new Flusher(),
    observer: new Counts(),
    connectTimeoutMs: 5_000,
    ...overrides,
  };
}

/** The next turn of the event loop but `turns - 1`. */
export async function turn(turns = 1): Promise<void> {
  for (; turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
}

/** Polls for what no event announces. */
export async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await Bun.sleep(2);
}

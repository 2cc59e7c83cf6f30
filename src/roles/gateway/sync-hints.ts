// Sends `chat.sync` to clients that may have missed pushes, so that they read their index. Causes come in bursts that
// concern all clients (a gateway that was suspended loses all links and has its sessions restored). So hints wait for
// the end of a burst, each client receives one, and they are spread over some seconds.

import type { Clock } from "../../base/clock.ts";
import type { Cancel, Timers } from "../../base/timers.ts";
import { syncHint } from "./answer.ts";
import type { Channel } from "./channel.ts";
import { ChannelState } from "./channel-state.ts";

/** A burst ends after this time without a cause, or when it has lasted `waitMsMax`. */
const quietMs = 1_000;
const waitMsMax = 5_000;
/** The time over which hints are spread, some at each step. */
const spreadMs = 3_000;
const stepMs = 20;
const stepMin = 64;

export class SyncHints {
  private readonly timers: Pick<Timers, "after">;
  private readonly clock: Pick<Clock, "monotonicMs">;
  /** The clients to hint, in order. Closed ones are skipped. */
  private readonly pending = new Set<Channel>();
  private firstMs = 0;
  private lastMs = 0;
  /** The number of hints at each step; 0 before the first. */
  private perStep = 0;
  private cancel: Cancel | undefined;

  constructor(timers: Pick<Timers, "after">, clock: Pick<Clock, "monotonicMs">) {
    this.timers = timers;
    this.clock = clock;
  }

  /** Sends these clients one hint, within seconds. */
  add(channels: Iterable<Channel>): void {
    for (const channel of channels) if (channel.state === ChannelState.Live) this.pending.add(channel);
    if (this.pending.size === 0) return;
    this.lastMs = this.clock.monotonicMs();
    if (this.cancel !== undefined) return;
    this.firstMs = this.lastMs;
    this.wait(quietMs);
  }

  /** Drops all waiting hints. */
  stop(): void {
    this.cancel?.();
    this.cancel = undefined;
    this.pending.clear();
    this.perStep = 0;
  }

  private wait(ms: number): void {
    this.cancel = this.timers.after(ms, () => {
      this.cancel = undefined;
      const dueMs = Math.min(this.lastMs + quietMs, this.firstMs + waitMsMax);
      const leftMs = dueMs - this.clock.monotonicMs();
      if (this.perStep === 0 && leftMs > 0) this.wait(leftMs);
      else this.step();
    });
  }

  private step(): void {
    if (this.perStep === 0) this.perStep = Math.max(stepMin, Math.ceil((this.pending.size * stepMs) / spreadMs));
    let left = this.perStep;
    for (const channel of this.pending) {
      this.pending.delete(channel);
      sendHint(channel);
      if (--left === 0) break;
    }
    if (this.pending.size > 0) this.wait(stepMs);
    else this.perStep = 0;
  }
}

/** Sends a hint now. A bug ends that connection only. */
export function sendHint({ state, connection }: Channel): void {
  if (state !== ChannelState.Live) return;
  try {
    connection.send(syncHint);
  } catch (bug) {
    connection.fail(bug);
  }
}

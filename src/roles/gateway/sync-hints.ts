// `chat.sync` to clients that something may have passed: each of them reads its index then. What gives cause for it
// comes in clusters (a gateway that stood still loses all of its links, makes them anew, and has its sessions
// restored), and concerns everybody: so it waits until nothing more comes, each client is told once, and they are told
// over some seconds.

import type { Clock } from "../../base/clock.ts";
import type { Cancel, Timers } from "../../base/timers.ts";
import { syncHint } from "./answer.ts";
import type { Channel } from "./channel.ts";
import { ChannelState } from "./channel-state.ts";

/** Nobody is told before nothing came for this long, or before it has waited for as long as the other one. */
const quietMs = 1_000;
const waitMsMax = 5_000;
/** All are told within this time, some at each step. */
const spreadMs = 3_000;
const stepMs = 20;
const stepMin = 64;

export class SyncHints {
  private readonly timers: Pick<Timers, "after">;
  private readonly clock: Pick<Clock, "monotonicMs">;
  /** Who is to be told, in that order. Those that have closed meanwhile are passed over. */
  private readonly pending = new Set<Channel>();
  private firstMs = 0;
  private lastMs = 0;
  /** How many are told at each step; 0 before the first one. */
  private perStep = 0;
  private cancel: Cancel | undefined;

  constructor(timers: Pick<Timers, "after">, clock: Pick<Clock, "monotonicMs">) {
    this.timers = timers;
    this.clock = clock;
  }

  /** Tells these clients once, within seconds. */
  add(channels: Iterable<Channel>): void {
    for (const channel of channels) if (channel.state === ChannelState.Live) this.pending.add(channel);
    if (this.pending.size === 0) return;
    this.lastMs = this.clock.monotonicMs();
    if (this.cancel !== undefined) return;
    this.firstMs = this.lastMs;
    this.wait(quietMs);
  }

  /** Tells nobody any more. */
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
      tell(channel);
      if (--left === 0) break;
    }
    if (this.pending.size > 0) this.wait(stepMs);
    else this.perStep = 0;
  }
}

/** A bug ends that connection, and no other. */
function tell({ state, connection }: Channel): void {
  if (state !== ChannelState.Live) return;
  try {
    connection.send(syncHint);
  } catch (bug) {
    connection.fail(bug);
  }
}

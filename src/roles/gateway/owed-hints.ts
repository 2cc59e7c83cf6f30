// Connections that were not told a change of presence, because much waited for them or for the gateway's clients
// together. Each is owed one `chat.sync`, upon which it watches again. That costs more than what was dropped, and comes
// at a time at which much waits. So a connection gets it when it has read what waited for it, and not again for a
// while; and of all connections only some get it each second.
//
// Memory: an entry for each connection that is owed a hint, or was hinted lately.

import type { Time } from "../../base/runtime.ts";
import type { Channel } from "./channel.ts";
import { ChannelState } from "./channel-state.ts";
import type { PushQueue } from "./push-queue.ts";
import { sendHint } from "./sync-hints.ts";

/** A connection for which more waits is not written what may be dropped; with less than the other, it has read on. */
const unsentBytesMax = 64 * 1024;
const drainedBytes = 1024;
/** What a transport adds to a push. */
const frameBytesMax = 16;
/** Between two looks. */
const lookMs = 1_000;
/** Between two hints to a connection. */
const pauseMs = 15_000;
/** Hints of one look. */
const hintsMax = 200;

interface Debt {
  isOwed: boolean;
  /** Not before this time, on the monotonic clock. */
  fromMs: number;
}

/**
 * Reports whether a push of that many bytes, which may be dropped, may be written to a connection. `boundBytes`: with
 * more unsent bytes it would be closed; what may be dropped never causes that.
 */
export function mayTake({ state, connection }: Channel, bytes: number, boundBytes: number): boolean {
  const { unsentBytes } = connection;
  return (
    state === ChannelState.Live &&
    unsentBytes <= Math.min(unsentBytesMax, boundBytes / 2) &&
    unsentBytes + bytes + frameBytesMax <= boundBytes
  );
}

export class OwedHints {
  private readonly pushes: Pick<PushQueue, "isPressed">;
  private readonly time: Time;
  private readonly debts = new Map<Channel, Debt>();
  private isArmed = false;

  constructor(pushes: OwedHints["pushes"], time: Time) {
    this.pushes = pushes;
    this.time = time;
  }

  /** A connection was not told something. */
  owe(channel: Channel): void {
    if (channel.state !== ChannelState.Live) return;
    const debt = this.debts.get(channel);
    if (debt === undefined) this.debts.set(channel, { isOwed: true, fromMs: 0 });
    else debt.isOwed = true;
    this.arm();
  }

  private arm(): void {
    if (this.isArmed) return;
    this.isArmed = true;
    this.time.timers.after(lookMs, () => {
      this.isArmed = false;
      this.look();
      if (this.debts.size > 0) this.arm();
    });
  }

  private look(): void {
    const nowMs = this.time.clock.monotonicMs();
    const due: Channel[] = [];
    for (const [channel, debt] of this.debts) {
      const { state, connection } = channel;
      if (state !== ChannelState.Live || (!debt.isOwed && nowMs >= debt.fromMs)) this.debts.delete(channel);
      else if (due.length < hintsMax && debt.isOwed && nowMs >= debt.fromMs && connection.unsentBytes <= drainedBytes)
        due.push(channel);
    }
    if (due.length === 0 || this.pushes.isPressed) return;
    for (const channel of due) {
      this.debts.delete(channel);
      // Behind those that were owed a hint before it.
      this.debts.set(channel, { isOwed: false, fromMs: nowMs + pauseMs });
      sendHint(channel);
    }
  }
}

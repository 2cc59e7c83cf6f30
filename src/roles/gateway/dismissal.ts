// Closes the clients' connections of a gateway that leaves, spread over some seconds, so that thousands of clients do
// not sign in elsewhere at once. A client is served as usual until its turn; then its pending requests are answered
// first.

import { sleep } from "../../base/timers.ts";
import type { Channel } from "./channel.ts";
import { ChannelState } from "./channel-state.ts";
import type { Gateway } from "./gateway.ts";

const stepMs = 20;

/**
 * Closes the connections over `spreadMs`. Resolves when all of them are closed, or after `msMax`, when the caller
 * closes the rest.
 */
export async function dismissClients(gateway: Gateway, spreadMs: number, msMax: number): Promise<void> {
  const { clock, timers } = gateway;
  const beganMs = clock.monotonicMs();
  const waiting = [...gateway.channels.values()];
  const { length } = waiting;
  const going = new Set<Channel>();
  while (waiting.length > 0 || going.size > 0) {
    const passedMs = clock.monotonicMs() - beganMs;
    if (passedMs > msMax) break;
    const stay = spreadMs === 0 ? 0 : Math.floor(length * Math.max(0, 1 - passedMs / spreadMs));
    for (const channel of waiting.splice(stay)) {
      gateway.leaving.add(channel);
      going.add(channel);
    }
    for (const channel of going) {
      if (channel.state !== ChannelState.Closed && channel.unanswered > 0) continue;
      // Its queued pushes come before the close frame. This costs nothing if none are queued.
      gateway.pushes.flush();
      channel.connection.close(gateway.leavingReason);
      going.delete(channel);
    }
    await sleep(timers, stepMs);
  }
  gateway.pushes.flush();
  for (const channel of gateway.channels.values()) gateway.leaving.add(channel);
}

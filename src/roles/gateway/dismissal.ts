// Sending clients away: a gateway of thousands that leaves does so over some seconds, or all of them would sign in
// elsewhere at once. Until it is a client's turn it is served as ever; then its requests that are under way are
// answered.

import { sleep } from "../../base/timers.ts";
import type { Channel } from "./channel.ts";
import { ChannelState } from "./channel-state.ts";
import type { Gateway } from "./gateway.ts";

const stepMs = 20;

/** Resolves when all clients were told, or after `msMax`: the rest are told then. */
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
      // Whoever goes has got what came until now; when nothing waits this costs nothing.
      gateway.pushes.flush();
      channel.connection.close(gateway.leavingReason);
      going.delete(channel);
    }
    await sleep(timers, stepMs);
  }
  gateway.pushes.flush();
  for (const channel of gateway.channels.values()) gateway.leaving.add(channel);
}

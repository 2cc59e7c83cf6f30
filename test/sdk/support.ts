// Clients and their peers for tests of the SDK: they end with the test that began them.

import { RoostClient } from "../../src/sdk/roost-client.ts";
import type { ClientOptions } from "../../src/sdk/client-options.ts";
import type { Environment } from "../../src/sdk/environment.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { ScriptedPeer } from "../support/scripted-peer.ts";

const running: (() => unknown)[] = [];

/** Has a step done at the end of the test: `isFirst` before, otherwise after those that there are. */
export function afterwards(step: () => unknown, isFirst = false): void {
  if (isFirst) running.unshift(step);
  else running.push(step);
}

/** Ends what runs; for `afterEach`. */
export async function endAll(): Promise<void> {
  for (const stop of running.splice(0)) await stop();
}

/** `pageEntries`: the longest index answer. */
export function peerOn(transport: "ws" | "tcp", pageEntries?: number): ScriptedPeer {
  const peer = ScriptedPeer.start(transport, pageEntries);
  afterwards(() => peer.stop());
  return peer;
}

/** A client on manual timers, and what `on` has noted of it. */
export function connecting(
  options: Partial<ClientOptions>,
  environment: Partial<Environment>,
  on: (events: string[]) => NonNullable<ClientOptions["on"]>,
) {
  const timers = new ManualTimers();
  const events: string[] = [];
  const stop = new AbortController();
  const client = RoostClient.connect({
    token: "a token",
    signal: stop.signal,
    ...options,
    environment: { after: timers.after, random: () => 0.5, ...environment },
    on: on(events),
  });
  client.catch(() => undefined);
  afterwards(() => stop.abort(), true);
  return { client, timers, events, stop };
}

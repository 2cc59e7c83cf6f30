// A client on manual timers, for tests that script its server.

import type { ClientOptions } from "../../src/sdk/client-options.ts";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import type { ScriptedPeer } from "../support/scripted-peer.ts";
import { afterwards } from "./support.ts";

/** A client on manual timers, everything that it delivered, and what it said of its connection. */
export async function connect(peer: ScriptedPeer, options: Partial<ClientOptions> = {}) {
  const timers = new ManualTimers();
  const ids: bigint[] = [];
  const events: string[] = [];
  const client = await RoostClient.connect({
    url: peer.url,
    token: "a token",
    environment: { after: timers.after, random: () => 0.5 },
    ...options,
    on: {
      message: ({ id }) => ids.push(id),
      online: () => events.push("online"),
      offline: ({ reason, returnsInMs }) => events.push(`offline ${reason.code} ${returnsInMs ?? "for good"}`),
      kicked: () => events.push("kicked"),
      synced: () => events.push("synced"),
      ...options.on,
    },
  });
  afterwards(() => client.close(), true);
  return { client, timers, ids, events };
}

// Servers that are dead or another cluster's, and a client of several.

import type { ClientOptions } from "../../src/sdk/client-options.ts";
import type { Environment } from "../../src/sdk/environment.ts";
import { ScriptedPeer } from "../support/scripted-peer.ts";
import { until } from "../../scripts/harness/until.ts";
import { connecting as connectingWith } from "./support.ts";

/** The URL of a server that has gone. */
export async function deadUrl(transport: "ws" | "tcp" = "ws"): Promise<string> {
  const peer = ScriptedPeer.start(transport);
  await peer.stop();
  return peer.url;
}

/** A client on manual timers and what it said of its connection. */
export const connecting = (options: Partial<ClientOptions>, environment: Partial<Environment> = {}) =>
  connectingWith(options, environment, (events) => ({
    online: () => events.push("online"),
    offline: ({ reason, returnsInMs }) => events.push(`offline ${reason.code} ${returnsInMs ?? "for good"}`),
    synced: () => events.push("synced"),
  }));

export async function connected(options: Partial<ClientOptions>, environment: Partial<Environment> = {}) {
  const made = connecting(options, environment);
  const client = await made.client;
  await until(() => made.events.includes("synced"), "the sync");
  return { ...made, client };
}

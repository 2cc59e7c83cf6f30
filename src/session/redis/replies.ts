// Checks and decodes the scripts' replies. A reply of another shape is a fault of the server.

import { nowhere, type LeasedLocations } from "../location-cache.ts";
import type { Change, Fence } from "../follower.ts";
import { featuresOf, SessionsUnavailable, type Location } from "../sessions.ts";
import { splitPair } from "./pair-key.ts";

const strange = (): SessionsUnavailable => new SessionsUnavailable("the session store sent an unexpected reply");

export function asNumber(reply: unknown): number {
  if (typeof reply !== "number") throw strange();
  return reply;
}

export function asText(reply: unknown): string {
  if (typeof reply !== "string") throw strange();
  return reply;
}

export function asList(reply: unknown): readonly unknown[] {
  if (!Array.isArray(reply)) throw strange();
  return reply;
}

/** Encodes a place, the JSON that follows the lease in a session's value. */
export function placeText({ channelId, gateway, incarnation, features = [] }: Location): string {
  // Features come last, where earlier releases ignore them.
  return JSON.stringify([channelId, gateway, incarnation, ...features]);
}

/** Decodes a session's value: `<lease> <place>`. */
export function readLocation(device: string, value: string): { readonly lease: number; readonly location: Location } {
  const space = value.indexOf(" ");
  const [channelId, gateway, incarnation, ...features] = asList(JSON.parse(value.slice(space + 1)));
  return {
    lease: Number(value.slice(0, space)),
    location: {
      device,
      channelId: asText(channelId),
      gateway: asText(gateway),
      incarnation: asText(incarnation),
      ...featuresOf(features.map(asText)),
    },
  };
}

/** Decodes an account's sessions: device, value, device, value, … */
export function readSessions(reply: unknown): LeasedLocations {
  const rows = asList(reply);
  if (rows.length === 0) return nowhere;
  const locations: Location[] = [];
  const leases: number[] = [];
  for (let at = 0; at < rows.length; at += 2) {
    const { lease, location } = readLocation(asText(rows[at]), asText(rows[at + 1]));
    locations.push(location);
    leases.push(lease);
  }
  return { locations, leases };
}

/** Decodes the fence at the beginning of a reply; the sessions of the requested accounts follow it. */
export function readFence(reply: readonly unknown[]): Fence {
  const [epoch, sequence, changes] = reply;
  return {
    epoch: asText(epoch),
    sequence: asNumber(sequence),
    changes: changes === null ? undefined : asList(changes).map(readChange),
  };
}

const kinds = { "+": "online", "-": "offline", "=": "moved" } as const;

function readChange(reply: unknown): Change {
  const text = asText(reply);
  const mark = text.charAt(0);
  const rest = text.slice(1);
  if (mark === "!") return { kind: "leaseEnded", lease: Number(rest) };
  if (mark !== "+" && mark !== "-" && mark !== "=") throw strange();
  const [app, account] = splitPair(rest);
  return { kind: kinds[mark], app, account };
}

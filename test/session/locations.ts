// Places of sessions, as the tests of all engines make them.

import { limitTable } from "../../src/base/limits/table.ts";
import type { Location } from "../../src/session/sessions.ts";

export const devicesPerAccountMax = limitTable.devicesPerAccount.initial;

let channels = 0;

/** A location on a channel of its own. */
export function location(change: Partial<Location> = {}): Location {
  return { device: "", channelId: `ch${channels++}`, gateway: "gw1", incarnation: "i1", ...change };
}

/** For sorting. */
export const byChannel = (one: Location, other: Location): number => (one.channelId < other.channelId ? -1 : 1);

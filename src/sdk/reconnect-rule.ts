// When to come back after a connection's end, and how long to wait between tries. Pure.

import { type CloseReason, CloseCode } from "../wire/close-reason.ts";

/** The first wait is at most this long; each further one may be twice as long, up to the second. */
export const backOffFirstMs = 500;
export const backOffMsMax = 30_000;
/** A server that leaves sends everybody away at once: they come back spread over this time, unless it says over which. */
const leavingSpreadMs = 5_000;
/** What a server says is believed up to here. */
const leavingSpreadMsMax = 60_000;

/** Exponential back-off with full jitter, in milliseconds: anything from 0 to the bound. `tries` counts failures before. */
export function backOffMs(tries: number, random: () => number): number {
  return random() * Math.min(backOffMsMax, backOffFirstMs * 2 ** Math.min(tries, 30));
}

/**
 * Milliseconds to wait before the next try, or undefined: do not come back.
 * @param tries failures since the last connection that lasted
 * @param canRenewToken whether the next try can bring another token
 */
export function returnDelayMs(
  reason: CloseReason,
  tries: number,
  canRenewToken: boolean,
  random: () => number,
): number | undefined {
  switch (reason.code) {
    case CloseCode.ProtocolFault:
    case CloseCode.TooLarge:
    case CloseCode.Kicked:
      return undefined;
    case CloseCode.Unauthorised:
      return canRenewToken ? backOffMs(tries, random) : undefined;
    case CloseCode.Leaving:
      return random() * spreadMsOf(reason.text);
    default:
      return backOffMs(tries, random);
  }
}

/** The milliseconds that a sentence such as `server is leaving; 300` ends in, bounded. */
function spreadMsOf(text: string): number {
  const said = /; *(\d+)$/.exec(text)?.[1];
  return said === undefined ? leavingSpreadMs : Math.min(Number(said), leavingSpreadMsMax);
}

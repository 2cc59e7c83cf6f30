// When to reconnect after a connection has ended, and how long to wait between tries. Pure.

import { type CloseReason, CloseCode } from "../wire/close-reason.ts";

/** The bound on the first wait; it doubles with each further try, up to the maximum. */
export const backOffFirstMs = 500;
export const backOffMsMax = 30_000;
/**
 * Connections in a row after whose protocol fault the client gives up. Fewer may be the fault of a proxy: Caddy 2.6
 * closes at a reload with a frame that it does not mask, and the server answers 1002.
 */
const protocolFaultsMax = 3;
/** A server that shuts down disconnects all clients at once. They return spread over this time, unless it names one. */
const leavingSpreadMs = 5_000;
/** The bound on the time that a server names. */
const leavingSpreadMsMax = 60_000;

/** Returns a back-off in milliseconds, exponential with full jitter. `tries` counts the failures so far. */
export function backOffMs(tries: number, random: () => number): number {
  return random() * Math.min(backOffMsMax, backOffFirstMs * 2 ** Math.min(tries, 30));
}

/**
 * Returns the milliseconds to wait before the next try, or undefined if the client must not reconnect.
 * @param tries failures since the last lasting connection
 * @param canRenewToken whether the next try can present another token
 */
export function returnDelayMs(
  reason: CloseReason,
  tries: number,
  canRenewToken: boolean,
  random: () => number,
): number | undefined {
  switch (reason.code) {
    case CloseCode.ProtocolFault:
      return tries + 1 < protocolFaultsMax ? backOffMs(tries, random) : undefined;
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

/** Parses the milliseconds at the end of a sentence such as `server is leaving; 300`, bounded. */
function spreadMsOf(text: string): number {
  const said = /; *(\d+)$/.exec(text)?.[1];
  return said === undefined ? leavingSpreadMs : Math.min(Number(said), leavingSpreadMsMax);
}

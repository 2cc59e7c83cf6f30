// When a client may come back (wire protocol, section 6), and after how long.

import { CloseCode } from "../wire/close-reason.ts";

/** The longest pause between two tries, in milliseconds. */
const pauseMsMax = 30_000;
const pauseMsFirst = 500;
/** A server that leaves wants its clients back spread over this long. */
const leavingMsMax = 5_000;

/** False for endings after which coming back helps nobody; `canRenewToken`: the token is asked for at each sign-in. */
export function mayComeBack(code: number, canRenewToken: boolean): boolean {
  switch (code) {
    case CloseCode.ProtocolFault:
    case CloseCode.TooLarge:
    case CloseCode.Kicked:
      return false;
    case CloseCode.Unauthorised:
      return canRenewToken;
    default:
      return true;
  }
}

/** The pause before try number `attempt` (from 0), in milliseconds: exponential, with full jitter. `random` is in [0, 1). */
export function pauseMs(code: number, attempt: number, random: () => number): number {
  if (code === CloseCode.Leaving && attempt === 0) return random() * leavingMsMax;
  return random() * Math.min(pauseMsMax, pauseMsFirst * 2 ** attempt);
}

// The keys of client tokens, and their reload in a running gateway. Invalid keys are refused and the present ones stay.
// A removed key ends the connections whose tokens it verified.

import { reasonOf } from "../../base/reason-of.ts";
import type { Clock } from "../../base/clock.ts";
import { fingerprintsOf, type TokenKeys, TokenVerifier } from "../../auth/token.ts";
import type { TokenSettings } from "../settings.ts";
import type { Gateway } from "./gateway.ts";

/** The verifier of a gateway whose settings these are. */
export function tokenVerifierOf({ tokenKeys, defaultApp }: TokenSettings, clock: Clock): TokenVerifier {
  const { keys, appKeys, issuers } = tokenKeys;
  return new TokenVerifier(keys, () => clock.wallMs(), { appKeys, issuers, defaultApp });
}

/**
 * Replaces the keys by those that `read` returns. If it throws, logs the error and changes nothing. Returns a sentence.
 */
export function reloadTokenKeys(gateway: Gateway, read: () => TokenKeys): string {
  const { verifier, channels, expiries, log } = gateway;
  let keys: TokenKeys;
  try {
    keys = read();
  } catch (error) {
    const reason = reasonOf(error);
    log.error("the file of the token keys is refused and the old keys stay", { reason });
    return "the keys of the client tokens were not changed";
  }
  verifier.replaceKeys(keys);
  let ended = 0;
  for (const channel of channels.values()) {
    if (verifier.takes(channel.app, channel.key)) continue;
    ended++;
    expiries.end(channel);
  }
  const fingerprints = fingerprintsOf(keys).join(" ");
  return `the keys of the client tokens were read again (${fingerprints}); connections that end by it: ${ended}`;
}

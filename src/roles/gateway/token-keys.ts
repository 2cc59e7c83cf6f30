// The keys that verify client tokens at a gateway. A removed key ends the connections whose tokens it verified.

import { type TokenKeys, TokenVerifier } from "../../auth/token.ts";
import { TokenKeyFiles, type TokenKeySource } from "../../auth/token-key-files.ts";
import type { Clock } from "../../base/clock.ts";
import type { Timers } from "../../base/timers.ts";
import type { TokenSettings } from "../settings.ts";
import type { Gateway } from "./gateway.ts";

/** The verifier of a gateway whose settings these are. */
export function tokenVerifierOf({ tokenKeys, defaultApp }: TokenSettings, clock: Clock): TokenVerifier {
  const { keys, appKeys, issuers } = tokenKeys;
  return new TokenVerifier(keys, () => clock.wallMs(), { appKeys, issuers, defaultApp });
}

/** The keys of a gateway's tokens as they are read again. */
export function gatewayTokenKeys(gateway: Gateway, source: TokenKeySource, timers: Timers): TokenKeyFiles {
  const replaced = (keys: TokenKeys): string => {
    const { verifier, channels, expiries } = gateway;
    verifier.replaceKeys(keys);
    let ended = 0;
    for (const channel of channels.values()) {
      if (verifier.takes(channel.app, channel.key)) continue;
      ended++;
      expiries.end(channel);
    }
    return `; connections that end by it: ${ended}`;
  };
  return new TokenKeyFiles({ source, timers, log: gateway.log, replaced });
}

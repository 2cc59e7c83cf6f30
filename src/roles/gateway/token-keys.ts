// The keys of client tokens, and their reload in a running gateway. Invalid keys are refused and the present ones stay.
// A removed key ends the connections whose tokens it verified.

import type { Issuer } from "../../auth/issuers.ts";
import type { Clock } from "../../base/clock.ts";
import { FileWatch } from "../../base/file-watch.ts";
import { reasonOf } from "../../base/reason-of.ts";
import type { Timers } from "../../base/timers.ts";
import { fingerprintsOf, type TokenKeys, TokenVerifier } from "../../auth/token.ts";
import type { TokenSettings } from "../settings.ts";
import type { Gateway } from "./gateway.ts";

/** The verifier of a gateway whose settings these are. */
export function tokenVerifierOf({ tokenKeys, defaultApp }: TokenSettings, clock: Clock): TokenVerifier {
  const { keys, appKeys, issuers } = tokenKeys;
  return new TokenVerifier(keys, () => clock.wallMs(), { appKeys, issuers, defaultApp });
}

/**
 * The keys of a gateway's tokens as they are read again: all of them on SIGHUP, and the issuers' public keys within a
 * second of a change of their files, which programs replace. The secret file, which people edit, waits for SIGHUP.
 */
export class TokenKeyFiles {
  private readonly gateway: Gateway;
  private readonly source: TokenSettings["tokenKeys"];
  private present: TokenKeys;
  private readonly watch: FileWatch | undefined;

  constructor(gateway: Gateway, source: TokenSettings["tokenKeys"], timers: Timers) {
    this.gateway = gateway;
    this.source = source;
    this.present = source;
    const { issuersAgain } = source;
    if (issuersAgain === undefined) return;
    this.watch = new FileWatch({
      timers,
      paths: () => [...new Set(this.present.issuers.map(({ path }) => path))],
      changed: () => this.issuersChanged(issuersAgain),
    });
  }

  /** As they were read last. */
  get keys(): TokenKeys {
    return this.present;
  }

  stop(): void {
    this.watch?.stop();
  }

  /** Reads all keys again. Returns a sentence for the log; undefined if they are in no file. */
  reload(): string | undefined {
    const { again } = this.source;
    if (again === undefined) return undefined;
    // Before they are read: what changes meanwhile is noticed.
    this.watch?.skip();
    const keys = this.read(again);
    if (keys === undefined) return "the keys of the client tokens were not changed";
    this.present = keys;
    return this.replace(keys);
  }

  private issuersChanged(issuersAgain: (issuers: readonly Issuer[]) => readonly Issuer[]): void {
    const { issuers } = this.present;
    if (issuers.length === 0) return;
    const fresh = this.read(() => issuersAgain(issuers));
    if (fresh === undefined || identityOf(fresh) === identityOf(issuers)) return;
    this.present = { ...this.present, issuers: fresh };
    this.gateway.log.info(this.replace(this.present));
  }

  /** Returns undefined, after an error in the log, if `read` throws. */
  private read<Keys>(read: () => Keys): Keys | undefined {
    try {
      return read();
    } catch (error) {
      const reason = reasonOf(error);
      this.gateway.log.error("the file of the token keys is refused and the old keys stay", { reason });
      return undefined;
    }
  }

  /** Uses other keys from now on. Returns a sentence for the log. */
  private replace(keys: TokenKeys): string {
    const { verifier, channels, expiries } = this.gateway;
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
}

/** Equal for issuers whose keys are the same, with the same names. */
function identityOf(issuers: readonly Issuer[]): string {
  return JSON.stringify(issuers.map(({ keys }) => keys.map(({ kid, key }) => [kid, key.digest])));
}

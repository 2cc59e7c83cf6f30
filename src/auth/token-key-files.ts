// The keys of client tokens in a running process, and how they are read again. Invalid keys are refused and the present
// ones stay.

import { FileWatch } from "../base/file-watch.ts";
import type { Log } from "../base/log.ts";
import { reasonOf } from "../base/reason-of.ts";
import type { Timers } from "../base/timers.ts";
import type { Issuer } from "./issuers.ts";
import { fingerprintsOf, type TokenKeys } from "./token.ts";

/** The keys as the start read them, and where more come from. */
export interface TokenKeySource extends TokenKeys {
  /** Reads all of them again, without waiting; throws when they are no good. Undefined: they are in no file. */
  readonly again?: (() => TokenKeys) | undefined;
  /** As `again`, but only the files of the issuers' public keys. Undefined: they are not watched. */
  readonly issuersAgain?: ((issuers: readonly Issuer[]) => readonly Issuer[]) | undefined;
}

interface Parts {
  readonly source: TokenKeySource;
  readonly timers: Timers;
  readonly log: Log;
  /** Uses other keys from now on. Returns what to add to the sentence for the log: '' or `; …`. */
  readonly replaced?: (keys: TokenKeys) => string;
}

/**
 * Reads all keys again on SIGHUP, and the issuers' public keys within a second of a change of their files, which
 * programs replace. The secret file, which people edit, waits for SIGHUP.
 */
export class TokenKeyFiles {
  private readonly parts: Parts;
  private present: TokenKeys;
  private readonly watch: FileWatch | undefined;

  constructor(parts: Parts) {
    const { source, timers } = parts;
    this.parts = parts;
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
    const { again } = this.parts.source;
    if (again === undefined) return undefined;
    // Before they are read: what changes meanwhile is noticed.
    this.watch?.skip();
    const keys = this.read(again);
    if (keys === undefined) return "the keys of the client tokens were not changed";
    return this.replace(keys);
  }

  private issuersChanged(issuersAgain: (issuers: readonly Issuer[]) => readonly Issuer[]): void {
    const { issuers } = this.present;
    if (issuers.length === 0) return;
    const fresh = this.read(() => issuersAgain(issuers));
    if (fresh === undefined || identityOf(fresh) === identityOf(issuers)) return;
    this.parts.log.info(this.replace({ ...this.present, issuers: fresh }));
  }

  /** Returns undefined, after an error in the log, if `read` throws. */
  private read<Keys>(read: () => Keys): Keys | undefined {
    try {
      return read();
    } catch (error) {
      const reason = reasonOf(error);
      this.parts.log.error("the file of the token keys is refused and the old keys stay", { reason });
      return undefined;
    }
  }

  private replace(keys: TokenKeys): string {
    this.present = keys;
    const consequences = this.parts.replaced?.(keys) ?? "";
    return `the keys of the client tokens were read again (${fingerprintsOf(keys).join(" ")})${consequences}`;
  }
}

/** Equal for issuers whose keys are the same, with the same names. */
function identityOf(issuers: readonly Issuer[]): string {
  return JSON.stringify(issuers.map(({ keys }) => keys.map(({ kid, key }) => [kid, key.digest])));
}

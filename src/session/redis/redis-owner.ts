// Claims the server's store for this process: before anything else is sent over a connection, and with every poll, so that a
// store that was emptied gets its identity again from those who know it.
//
// A process that does not know the identity of an empty store does not make one at once: the store may have come back
// empty, and those that had it open are about to bring its identity back. It waits for them for a while, or for a moment if
// the registry says that nobody knows one: another cluster, whose store it is, is not in the registry of this one. It does
// not bring back what others say: by mistake it may have been given another store than they, which then would pass for
// theirs.

import {
  claimAlsoAs,
  claimOfOwner,
  damagedIdentitySentence,
  livingOwnerSentence,
  newStoreIdentity,
  refusedClaimSentence,
  tellAdoption,
  withoutAdoption,
  type StoreClaim,
} from "../../auth/store-ownership.ts";
import type { Log } from "../../base/log.ts";
import { OwnerWatch, readIdentity, watchEveryMs } from "../session-owner.ts";
import { claimScript } from "./claim-script.ts";
import type { RedisLink } from "./redis-link.ts";
import { asList, asText } from "./replies.ts";
import type { Time } from "../../base/runtime.ts";
import { type Cancel, sleep } from "../../base/timers.ts";

/** How long an empty store is waited for to get its identity from those that know it. */
const identityWaitMs = 15_000;
const askMs = 1_000;
/**
 * How long an empty store is left to whoever has had it open, which a process of another cluster does not hear of: longer
 * than RedisLink takes between two attempts to connect.
 */
const ownerBackMs = 1_500;

/**
 * Which identity others of the cluster know, as far as they tell: `nobody` if none of them knows any; undefined if that
 * could not be found out.
 */
export type KnownIdentity = () => Promise<string | undefined>;

/** What KnownIdentity says if nobody knows one. */
export const knownToNobody = "nobody";

interface RedisOwnerOptions {
  readonly link: RedisLink;
  /** What sentences call it. */
  readonly store: string;
  readonly claim: StoreClaim;
  /** Undefined: nobody else can know it, so there is nothing to wait for. */
  readonly known: KnownIdentity | undefined;
  readonly log: Log;
  readonly time: Time;
  /** Told why this process may not use the store. */
  readonly refused: (sentence: string) => void;
}

export class RedisOwner {
  private readonly options: RedisOwnerOptions;
  private claim: StoreClaim;
  /** The store's identity, as of the last claim. */
  identity: string | undefined;
  /** This process may not use the store: nothing is claimed again. */
  private isRefused = false;
  private waitingSinceMs: number | undefined;
  private mayMake: boolean;
  /** The store holds nothing at all: it may have been emptied a moment ago. */
  private isEmpty = false;
  private cancelAsking: Cancel | undefined;
  private isClosed = false;

  constructor(options: RedisOwnerOptions) {
    this.options = options;
    this.claim = options.claim;
    this.mayMake = options.known === undefined;
  }

  /** It waits for the identity of an empty store. */
  get isWaiting(): boolean {
    return this.waitingSinceMs !== undefined;
  }

  /** For how long it has waited; 0 if it does not. */
  private get waitedMs(): number {
    return this.waitingSinceMs === undefined ? 0 : this.options.time.clock.monotonicMs() - this.waitingSinceMs;
  }

  /** By which this process is known. */
  get fingerprints(): readonly string[] {
    return this.claim.fingerprints;
  }

  /** This process is known by these fingerprints, too. */
  claimAs(fingerprints: readonly string[]): void {
    this.claim = claimAlsoAs(this.claim, fingerprints);
  }

  /** These fingerprints have become the owner's. */
  owned(fingerprints: readonly string[]): void {
    this.claim = claimOfOwner(fingerprints);
  }

  /** A connection was made: whoever knows the identity needs time to make one, too. */
  connected(): void {
    this.waitingSinceMs = undefined;
    this.mayMake = this.options.known === undefined;
  }

  /**
   * Claims the store, and opens the link for other steps if that was right. To adopt one takes some seconds. Rejects with
   * SessionsUnavailable.
   */
  async settle(): Promise<void> {
    const { log, store, time } = this.options;
    const watch = new OwnerWatch(log, store);
    while ((await this.claimOnce(watch)) === "again") await sleep(time.timers, watchEveryMs);
  }

  /** Returns `again` if the store has to be watched before it is adopted. */
  private async claimOnce(watch: OwnerWatch): Promise<"again" | undefined> {
    if (this.isRefused || this.isClosed) return undefined;
    const { link, store } = this.options;
    const { claim, identity } = this;
    const { connections } = link;
    if (this.waitedMs > identityWaitMs) this.mayMake = true;
    const flag = (is: boolean): string => (is ? "1" : "0");
    const reply = await link.ask(claimScript, [
      identity ?? "",
      newStoreIdentity(),
      flag(this.mayMake),
      flag(claim.adopt),
      watch.still,
      ...claim.fingerprints,
    ]);
    // Each connection is claimed for itself: another server may answer at the other end.
    if (link.connections !== connections) return undefined;
    const [outcome, found] = asList(reply).map(asText);
    switch (outcome) {
      case "kept":
      case "taken":
      case "adopted":
        this.learned(readIdentity(found) ?? "", outcome);
        return undefined;
      case "absent":
        this.isEmpty = found !== "used";
        this.wait();
        return undefined;
      case "refused":
        this.refuse(refusedClaimSentence(store, claim));
        return undefined;
      case "living":
        if (watch.saw(found ?? "") !== "living") return "again";
        this.refuse(livingOwnerSentence(store));
        return undefined;
      default:
        this.refuse(damagedIdentitySentence(store));
        return undefined;
    }
  }

  close(): void {
    this.isClosed = true;
    this.cancelAsking?.();
  }

  private learned(identity: string, outcome: "kept" | "taken" | "adopted"): void {
    const { link, store, log } = this.options;
    tellAdoption(log, store, this.claim, outcome);
    this.claim = withoutAdoption(this.claim);
    if (this.identity !== undefined && this.identity !== identity) log.warn(`${store} is another one than before`);
    if (this.isWaiting) log.info(`${store} has an identity now`);
    this.identity = identity;
    this.waitingSinceMs = undefined;
    link.admit();
  }

  private refuse(sentence: string): void {
    this.isRefused = true;
    this.options.link.shut();
    this.options.refused(sentence);
  }

  private wait(): void {
    if (this.waitingSinceMs !== undefined) return;
    this.waitingSinceMs = this.options.time.clock.monotonicMs();
    this.ask();
  }

  /** Asks until the identity is known, and makes one as soon as it is clear that nobody knows any. */
  private ask(): void {
    this.cancelAsking?.();
    if (!this.isWaiting || this.isClosed) return;
    const { known, log } = this.options;
    if (known === undefined) return;
    known()
      .then((told) => {
        // Somebody knows an identity, but perhaps of another store: whoever has this one open brings it back.
        if (told !== knownToNobody || this.waitingSinceMs === undefined) return undefined;
        if (this.isEmpty && this.waitedMs < ownerBackMs) return undefined;
        this.mayMake = true;
        return this.settle();
      })
      .catch((error: unknown) => {
        log.debug("the session store's identity could not be found out", { reason: String(error) });
      })
      .finally(() => {
        if (!this.isWaiting || this.isClosed) return;
        log.debug("waiting for the session store's identity");
        this.cancelAsking = this.options.time.timers.after(askMs, () => this.ask());
      });
  }
}

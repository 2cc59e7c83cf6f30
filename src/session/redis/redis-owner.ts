// Claims the server's store for this process: before anything else is sent over a connection, and with every poll, so
// that a store that was emptied gets its identity back from processes that know it.
//
// A process that does not know the identity of an empty store does not create one immediately: the store may have come
// back empty, and processes that had it open are about to restore its identity. It waits for them for a while, or
// briefly if the registry says that nobody knows one: another cluster, which may own the store, is not in this
// registry. It does not restore an identity that others report: it may have been given another store by mistake, which
// would then pass for theirs.

import {
  claimAlsoAs,
  claimOfOwner,
  damagedIdentitySentence,
  livingOwnerSentence,
  newStoreIdentity,
  refusedClaimSentence,
  logAdoption,
  type StoreClaim,
} from "../../auth/store-ownership.ts";
import type { Log } from "../../base/log.ts";
import { OwnerWatch, readIdentity, watchEveryMs } from "../session-owner.ts";
import { claimScript } from "./claim-script.ts";
import type { RedisLink } from "./redis-link.ts";
import { asList, asText } from "./replies.ts";
import type { Time } from "../../base/runtime.ts";
import { type Cancel, sleep } from "../../base/timers.ts";

/** How long an empty store may wait for its identity. */
const identityWaitMs = 15_000;
const askMs = 1_000;
/**
 * How long an empty store is left to processes of another cluster, which this process does not know: longer than
 * RedisLink takes between two tries to connect.
 */
const ownerBackMs = 1_500;

/** Returns the identity that others of the cluster know; `nobody` if none does; undefined if unknown. */
export type KnownIdentity = () => Promise<string | undefined>;

/** The result of KnownIdentity if nobody knows one. */
export const knownToNobody = "nobody";

interface RedisOwnerOptions {
  readonly link: RedisLink;
  readonly store: string;
  readonly claim: StoreClaim;
  /** Undefined if no other process can know it, so that there is nothing to wait for. */
  readonly known: KnownIdentity | undefined;
  readonly log: Log;
  readonly time: Time;
  /** Called with the reason if this process may not use the store. */
  readonly refused: (sentence: string) => void;
}

export class RedisOwner {
  private readonly options: RedisOwnerOptions;
  private claim: StoreClaim;
  identity: string | undefined;
  /** Whether this process may not use the store, so that it makes no further claim. */
  private isRefused = false;
  private waitingSinceMs: number | undefined;
  private mayMake: boolean;
  /** The store is empty: it may just have been emptied. */
  private isEmpty = false;
  private cancelAsking: Cancel | undefined;
  private isClosed = false;

  constructor(options: RedisOwnerOptions) {
    this.options = options;
    this.claim = options.claim;
    this.mayMake = options.known === undefined;
  }

  /** Whether it waits for the identity of an empty store. */
  get isWaiting(): boolean {
    return this.waitingSinceMs !== undefined;
  }

  /** For how long it has waited; 0 if it does not. */
  private get waitedMs(): number {
    return this.waitingSinceMs === undefined ? 0 : this.options.time.clock.monotonicMs() - this.waitingSinceMs;
  }

  get fingerprints(): readonly string[] {
    return this.claim.fingerprints;
  }

  claimAs(fingerprints: readonly string[]): void {
    this.claim = claimAlsoAs(this.claim, fingerprints);
  }

  /** Records that these fingerprints have become the owner's. */
  owned(fingerprints: readonly string[]): void {
    this.claim = claimOfOwner(fingerprints);
  }

  /** A connection was made: processes that know the identity need time to connect, too. */
  connected(): void {
    this.waitingSinceMs = undefined;
    this.mayMake = this.options.known === undefined;
  }

  /** Claims the store and, if that succeeds, permits steps; adopting takes seconds. @throws SessionsUnavailable */
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
      flag(watch.still !== undefined),
      watch.still ?? "",
      ...claim.fingerprints,
    ]);
    // Each connection is claimed separately: it may lead to another server.
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
    logAdoption(log, store, this.claim, outcome);
    this.claim = claimOfOwner(this.claim.fingerprints);
    if (this.identity !== undefined && this.identity !== identity)
      log.warn(`${store} is a different store than before`);
    if (this.isWaiting) log.info(`${store} has an identity now`);
    this.identity = identity;
    this.waitingSinceMs = undefined;
    link.isAdmitted = true;
  }

  private refuse(sentence: string): void {
    this.isRefused = true;
    this.options.link.isAdmitted = false;
    this.options.refused(sentence);
  }

  private wait(): void {
    if (this.waitingSinceMs !== undefined) return;
    this.waitingSinceMs = this.options.time.clock.monotonicMs();
    this.ask();
  }

  /** Asks until the identity is known, and creates one once it is clear that nobody knows any. */
  private ask(): void {
    this.cancelAsking?.();
    if (!this.isWaiting || this.isClosed) return;
    const { known, log } = this.options;
    if (known === undefined) return;
    known()
      .then((told) => {
        // Others know an identity, perhaps of another store: processes that have this one open restore it.
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

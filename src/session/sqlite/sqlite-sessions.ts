// Sessions in an SQLite file, for login and chat services on one machine: each process opens it. Reads run on the event
// loop without a promise; writes do, too, in batches of some ten microseconds a session.
//
// A damaged or removed file is replaced by an empty one; all processes notice within a poll, and report the loss.

import { SQLiteError, type Database } from "bun:sqlite";
import type { Clock } from "../../base/clock.ts";
import { limitValues } from "../../base/limits/table.ts";
import {
  claimAlsoAs,
  claimOfNobody,
  claimOfOwner,
  shownPlace,
  logAdoption,
  type StoreClaim,
  type StoreIdentity,
} from "../../auth/store-ownership.ts";
import type { Log } from "../../base/log.ts";
import { reasonOf } from "../../base/reason-of.ts";
import { Follower } from "../follower.ts";
import { nowhere } from "../location-cache.ts";
import {
  SessionsUnavailable,
  type GatewayStart,
  type Location,
  type PresenceListener,
  type PutOutcome,
  type SessionLimits,
  type Sessions,
  type SessionsOptions,
} from "../sessions.ts";
import { ClaimRefused, OwnerWatch, watchEveryMs } from "../session-owner.ts";
import { cannotOpen, isDamage, mayPass, SessionFile } from "./session-file.ts";
import { claimFile, isStillClaimed, OwnerMayLive, setOwners } from "./session-owner-table.ts";
import { SessionReader } from "./session-reader.ts";
import { SessionWriter } from "./session-writer.ts";
import { WriteQueue } from "./write-queue.ts";
import { backgroundTime } from "../../base/runtime.ts";
import { type Cancel, every, sleep, systemTimers } from "../../base/timers.ts";

/** The maximum age of presence without calls of `locate`; ended leases are noticed as fast. */
const pollMs = 500;
/** Accounts in one step of a sweep: some milliseconds. */
const sweepAccounts = 50;

interface SqliteSessionsOptions extends SessionsOptions {
  /** The file; created with mode 0600 if missing. Its folder must exist. */
  readonly path: string;
}

/**
 * Opens the engine. An adoption takes some seconds, in which nobody else may renew leases. Rejects with
 * SessionsUnavailable if the file can never be opened. On a full disk the engine is unhealthy, refuses everything, and
 * opens the file later.
 */
export async function openSqliteSessions(options: SqliteSessionsOptions): Promise<Sessions> {
  const watch = new OwnerWatch(options.log, nameOf(options.path));
  for (;;) {
    try {
      return new SqliteSessions(options, watch);
    } catch (error) {
      if (!(error instanceof OwnerMayLive)) throw error;
      await sleep(options.time?.timers ?? systemTimers, watchEveryMs);
    }
  }
}

function nameOf(path: string): string {
  return `The session store ${path}`;
}

/** What belongs to one file and ends with it. */
interface Opening {
  readonly file: SessionFile;
  readonly reader: SessionReader;
  readonly writer: SessionWriter;
  readonly queue: WriteQueue;
}

class SqliteSessions implements Sessions {
  private readonly path: string;
  private readonly log: Log;
  private readonly clock: Clock;
  private readonly limits: SessionLimits;
  private readonly follower = new Follower();
  private readonly endPolling: Cancel;
  /** Undefined while the file cannot be opened. */
  private opening: Opening | undefined;
  /** Whether the last poll succeeded and no write has failed since. */
  private isWorking = true;
  private isPolling = false;
  /** Whether `follower` is up to date for callers in this callback. */
  private isFenced = false;
  /** The identity of a file that must not be opened again. */
  private damaged: string | undefined;
  private claim: StoreClaim;
  /** The store's identity as of the last opening. */
  private known: string | undefined;
  private readonly refused: (sentence: string) => void;
  /** The file is another cluster's and is not opened again. */
  private isRefused = false;
  /** This process has renewed a lease, so it also ends leases and sweeps. */
  private isKeeper = false;
  leasesEnded = 0;
  private readonly watch: OwnerWatch;

  constructor(options: SqliteSessionsOptions, watch: OwnerWatch) {
    const { path, log, time = backgroundTime, claim = claimOfNobody, refused = () => undefined } = options;
    this.path = path;
    this.limits = options.limits ?? limitValues();
    this.claim = claim;
    this.refused = refused;
    this.log = log;
    this.clock = time.clock;
    this.watch = watch;
    try {
      this.opening = this.open();
      // From now on listeners receive every change.
      this.fence(this.opening);
    } catch (error) {
      this.leave();
      if (error instanceof ClaimRefused || error instanceof OwnerMayLive) throw error;
      if (mayPass(error, path)) this.failed(undefined, error);
      else throw cannotOpen(path, error);
    }
    this.endPolling = every(time.timers, pollMs, () => void this.poll());
  }

  get identity(): StoreIdentity | undefined {
    const { known, path } = this;
    return known === undefined ? undefined : { identity: known, place: shownPlace(`sqlite:${path}`) };
  }

  async setOwners(fingerprints: readonly string[]): Promise<void> {
    const { opening } = this;
    if (opening === undefined) throw away();
    const isDone = await opening.queue.add(() => setOwners(opening.file.writing, this.claim, fingerprints));
    if (isDone) {
      this.claim = claimOfOwner(fingerprints);
      return;
    }
    // Finds out whether it is another cluster's, and stops using it then.
    await this.poll();
    throw new SessionsUnavailable("the session store is not known to be this cluster's");
  }

  claimAs(fingerprints: readonly string[]): void {
    this.claim = claimAlsoAs(this.claim, fingerprints);
  }

  async gateways(): Promise<readonly GatewayStart[]> {
    return this.write((writer) => writer.gateways());
  }

  get isHealthy(): boolean {
    return this.opening !== undefined && this.isWorking;
  }

  put(app: string, account: string, location: Location): Promise<PutOutcome> {
    return this.write((writer) => writer.put(app, account, location));
  }

  restore(app: string, account: string, location: Location): Promise<"restored" | "present" | "refused"> {
    return this.write((writer) => writer.restore(app, account, location));
  }

  remove(app: string, account: string, channelId: string): Promise<boolean> {
    return this.write((writer) => writer.remove(app, account, channelId));
  }

  async removeGateway(gateway: string, keepIncarnation?: string): Promise<void> {
    await this.write((writer) => writer.removeGateway(gateway, keepIncarnation));
    await this.sweep();
  }

  async renew(gateways: readonly GatewayStart[]): Promise<readonly GatewayStart[]> {
    this.isKeeper = true;
    const { begun, ended } = await this.write((writer) => writer.renew(gateways, this.clock.wallMs()));
    this.leasesEnded += ended;
    return begun;
  }

  suspect(gateway: string, incarnation: string): Promise<void> {
    return this.write((writer) => writer.suspect({ gateway, incarnation }));
  }

  /** Returns a promise only to reject. */
  locate(
    app: string,
    accounts: readonly string[],
  ): readonly (readonly Location[])[] | Promise<readonly (readonly Location[])[]> {
    const { opening, follower } = this;
    if (opening === undefined) return Promise.reject(away());
    try {
      this.fence(opening);
      const found = accounts.map((account) => follower.cache.get(app, account));
      const missing = accounts.filter((_, at) => found[at] === undefined);
      if (missing.length === 0) return found.map((cached) => (cached ?? nowhere).locations);
      const read = opening.reader.locate(app, missing);
      for (const [account, sessions] of read) follower.cache.set(app, account, sessions);
      return accounts.map((account, at) => (found[at] ?? read.get(account) ?? nowhere).locations);
    } catch (error) {
      // An error of a listener is not the file's.
      if (!(error instanceof SQLiteError)) throw error;
      this.failed(opening, error);
      return Promise.reject(new SessionsUnavailable("the session store cannot be read", { cause: error }));
    }
  }

  watchPresence(listener: PresenceListener): () => void {
    return this.follower.presence.watch(listener);
  }

  watchLoss(listener: () => void): () => void {
    return this.follower.watchLoss(listener);
  }

  close(): Promise<void> {
    this.endPolling();
    this.leave();
    this.follower.close();
    return Promise.resolve();
  }

  private open(): Opening {
    const file = SessionFile.open(this.path, this.damaged, (db) => this.claimIn(db));
    const queue = new WriteQueue(file.writing, (error) => this.failed(opening, error));
    const opening = {
      file,
      queue,
      reader: new SessionReader(file.reading),
      writer: new SessionWriter(file.writing, this.limits),
    };
    return opening;
  }

  /** Throws ClaimRefused and OwnerMayLive. Adopts at most once. */
  private claimIn(db: Database): void {
    const { claim, known, log, watch } = this;
    const store = nameOf(this.path);
    const { identity, outcome } = claimFile(db, { store, claim, known, watch });
    logAdoption(log, store, claim, outcome);
    if (known !== undefined && identity !== known) log.warn(`${store} is a different store than before`);
    this.claim = claimOfOwner(claim.fingerprints);
    this.known = identity;
  }

  private leave(): void {
    const { opening } = this;
    this.opening = undefined;
    this.isFenced = false;
    opening?.queue.close();
    opening?.file.close();
  }

  private async write<Result>(step: (writer: SessionWriter) => Result): Promise<Result> {
    const { opening } = this;
    if (opening === undefined) throw away();
    return opening.queue.add(() => step(opening.writer));
  }

  /**
   * Makes a fence that serves all reads until the event loop's callback ends: callers in it cannot know of a change
   * that was answered since. Continuations of own writes run after `unfence`, which was queued earlier.
   */
  private fence({ reader }: Opening): void {
    if (this.isFenced) return;
    const { follower } = this;
    const fence = reader.fence(follower.epoch, follower.sequence);
    if (fence !== undefined) follower.follow(fence);
    this.isFenced = true;
    queueMicrotask(this.unfence);
  }

  private readonly unfence = (): void => {
    this.isFenced = false;
  };

  private failed(opening: Opening | undefined, error: unknown): void {
    if (this.isWorking) this.log.warn("the session store fails", { path: this.path, reason: reasonOf(error) });
    this.isWorking = false;
    if (opening === undefined || this.opening !== opening || !isDamage(error)) return;
    this.damaged = opening.file.identity;
    this.leave();
  }

  private async poll(): Promise<void> {
    // A sweep may take longer than the interval of polls.
    if (this.isPolling || this.isRefused) return;
    this.isPolling = true;
    const { opening } = this;
    try {
      this.reopen();
      if (this.isKeeper) {
        await this.renew([]);
        await this.sweep();
      }
      if (!this.isWorking) this.log.info("the session store works again", { path: this.path });
      this.isWorking = true;
    } catch (error) {
      this.failed(opening, error);
      if (error instanceof ClaimRefused) {
        this.isRefused = true;
        this.leave();
        this.refused(error.message);
      }
    } finally {
      this.isPolling = false;
    }
  }

  /** Opens the file if it is not open or is not at the path any more, and makes a fence. */
  private reopen(): void {
    if (this.opening?.file.isSame() === false) {
      // If the same file is still at the path, it is incomplete and must not be opened again.
      this.damaged = this.opening.file.identity;
      this.log.warn("the session file was removed; opening another one", { path: this.path });
      this.leave();
    }
    this.opening ??= this.open();
    // Another process may have adopted the file, or removed its identity.
    const { file } = this.opening;
    if (!isStillClaimed(file.reading, this.known, this.claim)) this.claimIn(file.writing);
    this.fence(this.opening);
  }

  /** Removes the sessions of ended leases, yielding to the event loop between steps. */
  private async sweep(): Promise<void> {
    while (await this.write((writer) => writer.sweep(sweepAccounts))) await Bun.sleep(0);
  }
}

function away(): SessionsUnavailable {
  return new SessionsUnavailable("the session store is unavailable");
}

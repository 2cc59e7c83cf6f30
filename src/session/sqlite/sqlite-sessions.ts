// Sessions in an SQLite file, for login and chat services on one machine: each process opens it. Reads are made on the
// event loop and without a promise, writes too, in batches of some ten microseconds a session.
//
// A file that is damaged or taken away is made anew, empty; all processes notice within a poll, and tell of the loss.

import { SQLiteError, type Database } from "bun:sqlite";
import { systemClock, type Clock } from "../../base/clock.ts";
import { limitValues } from "../../base/limits/table.ts";
import {
  claimAlsoAs,
  claimOfNobody,
  claimOfOwner,
  shownPlace,
  tellAdoption,
  withoutAdoption,
  type StoreClaim,
  type StoreIdentity,
} from "../../auth/store-ownership.ts";
import type { Log } from "../../base/log.ts";
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
} from "../sessions.ts";
import { ClaimRefused, OwnerWatch, watchEveryMs } from "../session-owner.ts";
import { cannotOpen } from "./open-failure.ts";
import { isDamage, mayPass, SessionFile } from "./session-file.ts";
import { claimFile, isStillClaimed, OwnerMayLive, setOwners } from "./session-owner-table.ts";
import { SessionReader } from "./session-reader.ts";
import { SessionWriter } from "./session-writer.ts";
import { WriteQueue } from "./write-queue.ts";

/** Presence is at most this old where nobody asks for locations; leases end as soon as that. */
const pollMs = 500;
/** Accounts that one step of a sweep removes: some milliseconds. */
const sweepAccounts = 50;

interface SqliteSessionsOptions {
  /** The file; made (mode 0600) where there is none. Its folder exists. */
  readonly path: string;
  readonly log: Log;
  readonly clock?: Clock;
  /** Who opens the store; nobody unless it is given. */
  readonly claim?: StoreClaim;
  /** The initial ones unless they are given. */
  readonly limits?: SessionLimits;
  /** Told that the file is another cluster's now; nothing but a restart helps then. */
  readonly refused?: (sentence: string) => void;
}

/**
 * Opens the engine. To adopt a file takes some seconds, in which nobody else may renew leases there. Rejects with
 * SessionsUnavailable and a sentence for the operator when the file cannot be opened for good. On a disk that is full the
 * engine is unhealthy, refuses everything, and opens the file when there is room.
 */
export async function openSqliteSessions(options: SqliteSessionsOptions): Promise<Sessions> {
  const watch = new OwnerWatch(options.log, nameOf(options.path));
  for (;;) {
    try {
      return new SqliteSessions(options, watch);
    } catch (error) {
      if (!(error instanceof OwnerMayLive)) throw error;
      await Bun.sleep(watchEveryMs);
    }
  }
}

/** What sentences call the store. */
function nameOf(path: string): string {
  return `The session store ${path}`;
}

/** What belongs to one file: all goes with it. */
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
  private readonly polling: ReturnType<typeof setInterval>;
  /** Undefined while the file cannot be opened. */
  private opening: Opening | undefined;
  /** The last poll went well and no write has failed since. */
  private isWorking = true;
  private isPolling = false;
  /** What `follower` knows is as new as what asks now. */
  private isFenced = false;
  /** The identity of a file that is not opened again. */
  private damaged: string | undefined;
  private claim: StoreClaim;
  /** The store's identity, as of the last opening. */
  private known: string | undefined;
  private readonly refused: (sentence: string) => void;
  /** The file is another cluster's: it is not opened again. */
  private isRefused = false;
  /** This process has renewed a lease: it is one of those who end leases and sweep. */
  private isKeeper = false;
  leasesEnded = 0;

  /** Of a file that is to be adopted. */
  private readonly watch: OwnerWatch;

  constructor(options: SqliteSessionsOptions, watch: OwnerWatch) {
    const { path, log, clock = systemClock, claim = claimOfNobody, refused = () => undefined } = options;
    this.path = path;
    this.limits = options.limits ?? limitValues();
    this.claim = claim;
    this.refused = refused;
    this.log = log;
    this.clock = clock;
    this.watch = watch;
    try {
      this.opening = this.open();
      // From here on listeners hear of every change.
      this.fence(this.opening);
    } catch (error) {
      this.leave();
      if (error instanceof ClaimRefused || error instanceof OwnerMayLive) throw error;
      if (mayPass(error, path)) this.failed(undefined, error);
      else throw cannotOpen(path, error);
    }
    this.polling = setInterval(() => void this.poll(), pollMs);
    this.polling.unref();
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
    // Finds out whether it is another cluster's, and leaves it then.
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

  /** A promise only to reject. */
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
      // A listener's bug is none of the file's.
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
    clearInterval(this.polling);
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

  /** Throws ClaimRefused and OwnerMayLive. What was adopted once is not adopted again. */
  private claimIn(db: Database): void {
    const { claim, known, log, watch } = this;
    const store = nameOf(this.path);
    const { identity, outcome } = claimFile(db, { store, claim, known, watch });
    tellAdoption(log, store, claim, outcome);
    if (known !== undefined && identity !== known) log.warn(`${store} is another one than before`);
    this.claim = withoutAdoption(claim);
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
   * One serves all reads until the event loop's callback ends: what asks in it has come before, and cannot know of a change
   * that was answered since. Continuations of own writes run later than `unfence`, which was queued before they could be.
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
    // A sweep may take longer than it is to the next poll.
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

  /** Opens the file where it is not, or is not the one at the path any more, and makes a fence. */
  private reopen(): void {
    if (this.opening?.file.isSame() === false) {
      // If it still lies there, something of it is lost: it is not opened again.
      this.damaged = this.opening.file.identity;
      this.log.warn("the file of the sessions was taken away; another one is opened", { path: this.path });
      this.leave();
    }
    this.opening ??= this.open();
    // Somebody has adopted it, or taken the identity away.
    const { file } = this.opening;
    if (!isStillClaimed(file.reading, this.known, this.claim)) this.claimIn(file.writing);
    this.fence(this.opening);
  }

  /** Removes the sessions of leases that have ended, with the event loop's turn between the steps. */
  private async sweep(): Promise<void> {
    while (await this.write((writer) => writer.sweep(sweepAccounts))) await Bun.sleep(0);
  }
}

function away(): SessionsUnavailable {
  return new SessionsUnavailable("the session store is away");
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

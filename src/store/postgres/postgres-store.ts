// The store on PostgreSQL, for many processes on one database: the writer commits batches, and reads use other
// connections beside it. The SQL is in message-functions.ts and groups/ (writing) and in reader.ts.

import type { SQL } from "bun";
import { shownPlace, type StoreIdentity } from "../../auth/store-ownership.ts";
import type { Time } from "../../base/runtime.ts";
import { RareLog } from "../../base/rare-log.ts";
import { reasonOf } from "../../base/reason-of.ts";
import type { ChangeJob, ChangeResult } from "../change-jobs.ts";
import type {
  AccountState,
  ConversationsQuery,
  HistoryQuery,
  ReadersAnswer,
  ReadersQuery,
  ReadMark,
  ReadOutcome,
} from "../conversations.ts";
import { DeletionRounds } from "../deletion-rounds.ts";
import { JobStore, type StoreOptions } from "../job-store.ts";
import type { Job } from "../jobs.ts";
import type { StoreReplication } from "../store-replication.ts";
import {
  StoreUnavailable,
  type IndexEntry,
  type IndexQuery,
  type LogPage,
  type LogQuery,
  type Membership,
  type Store,
} from "../store.ts";
import { PostgresBackEnd } from "./back-end/postgres-back-end.ts";
import { placeOf } from "./client.ts";
import { Connections } from "./connection.ts";
import { mayOpenLater, StoreReplaced } from "./failures.ts";
import { ConversationReader } from "./conversation-reader.ts";
import { countUpTo, Horizons, purgeSlice } from "./horizons.ts";
import { Housekeeping } from "./housekeeping.ts";
import { sizeOfDatabase } from "./store-size.ts";
import { areDeletions, contentOf, type InLife, triesMax } from "./life.ts";
import { LogReader } from "./log-reader.ts";
import { migrateReplacement } from "./migrate.ts";
import { PostgresGroups } from "./groups/postgres-groups.ts";
import { PostgresMedia } from "./media/postgres-media.ts";
import { PostgresPeople } from "./people/postgres-people.ts";
import { readState } from "./people/state-reader.ts";
import { StandbyWatch } from "./primary/standbys.ts";
import { ReadMarks } from "./read-marks.ts";
import { Reader, type DetailAnswer } from "./reader.ts";
import { renewAfterMs } from "./writer-lock.ts";
import { mayShareBatch, NotOwned, type Renewal, type Writer } from "./writer.ts";

export interface PostgresStoreOptions extends StoreOptions {
  /**
   * postgres://user:password@host:port/database, with the options of Bun's client (sslmode and others); or with several
   * hosts (store/host-list.ts).
   */
  readonly url: string;
  /** Of several hosts: a standby need not have what is acknowledged. */
  readonly isAsync?: boolean;
  /** The wall clock is the database's. */
  readonly time?: Time;
}

const dayMs = 86_400_000;
const readConnectionsMax = 4;
const readIdleSecondsMax = 60;
/** A primary that lost its standbys without ending its connections is noticed by a commit, even where nobody writes. */
const watchEveryMs = 2_000;
/** The minimum interval of warnings that the database has too few connections. */
const scarcityWarnedMs = 60_000;

/** Describes to the operator why a store cannot be opened; returns a bug unchanged. */
export function refusalOf(url: string, error: unknown): unknown {
  if (!(error instanceof StoreUnavailable) || error instanceof NotOwned) return error;
  return new StoreUnavailable(
    `The message store ${placeOf(url)} cannot be opened: ${error.message}. ` +
      "Check that the URL names a database for roost, and that its user may connect and create a schema in it.",
    { cause: error },
  );
}

interface Unopened {
  readonly open: () => Promise<Renewal>;
  readonly reason: string;
}

/** See openPostgresStore. */
export class PostgresStore extends JobStore implements Store {
  private readonly writer: Writer;
  private readonly readConnections: Connections;
  private readonly reader: Reader;
  private readonly logReader: LogReader;
  private readonly conversationReader: ConversationReader;
  private readonly readMarks: ReadMarks;
  readonly groups: PostgresGroups;
  readonly people: PostgresPeople;
  readonly backEnd: PostgresBackEnd;
  readonly media: PostgresMedia;
  protected override readonly housekeeping: Housekeeping;
  private readonly deletions: DeletionRounds;
  private readonly scarcityLog: RareLog;
  private unopened: Unopened | undefined;
  /** Looks at each renewal. */
  private readonly standbys = new StandbyWatch();
  private readonly place: string;

  constructor(writer: Writer, time: Time, options: PostgresStoreOptions, unopened?: Unopened) {
    super(options, time.clock, mayShareBatch);
    const { url, retentionDays, log } = options;
    this.unopened = unopened;
    this.place = shownPlace(`postgres://${placeOf(url)}`);
    this.scarcityLog = new RareLog(log, time.clock, scarcityWarnedMs);
    this.writer = writer;
    const { primary } = writer;
    const confirm = primary && ((sql: SQL) => primary.confirm(sql));
    const beside = (connectionsMax: number, writes?: typeof confirm): Connections =>
      new Connections({
        url,
        primary,
        confirm: writes,
        connectionsMax,
        idleSecondsMax: readIdleSecondsMax,
        onScarce: () => this.warnOfScarcity(),
        substitute: writer.connections,
      });
    this.readConnections = beside(readConnectionsMax);
    const markConnections = beside(1, confirm);
    this.reader = new Reader(this.readConnections);
    this.logReader = new LogReader(this.readConnections);
    this.conversationReader = new ConversationReader(this.readConnections);
    const inLife: InLife = (work) => this.read(work);
    const { conversationReader, readConnections: reads } = this;
    this.groups = new PostgresGroups(reads, conversationReader, inLife, (...call) => this.writeGroup(...call));
    this.people = new PostgresPeople(reads, inLife, (...call) => this.writePeople(...call));
    this.backEnd = new PostgresBackEnd(writer, reads, inLife, this.limits);
    this.media = new PostgresMedia(reads, inLife, (...call) => this.writeMedia(...call));
    this.readMarks = new ReadMarks(markConnections, inLife);
    const horizons = new Horizons(reads, time.clock, retentionDays > 0 ? retentionDays * dayMs : undefined);
    this.housekeeping = new Housekeeping(
      {
        renewEveryMs: primary === undefined ? renewAfterMs : watchEveryMs,
        renew: () => this.renew(options),
        look: () => horizons.look(),
        dropUnfinished: () => writer.dropUnfinished(),
        clean: async () => {
          const isMore = await writer.cleanEnded();
          return (await this.backEnd.data.eraseSlice()) || isMore;
        },
        purge: (life, above) => purgeSlice(this.readConnections, life, above),
        count: (life, endId) => countUpTo(this.readConnections, life, endId),
        size: () => this.readConnections.run(sizeOfDatabase),
      },
      time,
      log,
      unopened?.reason,
    );
    const { data } = this.backEnd;
    this.deletions = new DeletionRounds(() => data.deleteSlice(), log, time.timers);
    data.onDeletion = () => writer.renew().then(() => this.deletions.begin());
    writer.readers = reads;
    writer.onLost = () => this.housekeeping.lost();
    writer.onReplaced = (former, life) => this.changed(former, life, placeOf(url));
    writer.onOutdated = () => writer.atServer((server) => migrateReplacement(server, log));
    // Without the writer's connection nobody is served, so the others are released.
    writer.onScarce = () => {
      for (const connections of [this.readConnections, markConnections]) connections.yield();
    };
  }

  get identity(): StoreIdentity | undefined {
    const { identity } = this.writer;
    return identity === undefined ? undefined : { identity, place: this.place };
  }

  async setOwners(fingerprints: readonly string[]): Promise<void> {
    try {
      await this.writer.setOwners(fingerprints);
    } catch (error) {
      // The renewal fails in the same way, and ends the use of the store.
      if (error instanceof NotOwned) this.housekeeping.lost();
      throw error;
    }
  }

  claimAs(fingerprints: readonly string[]): void {
    this.writer.claimAs(fingerprints);
  }

  groupDetail(app: string, group: string, asker: string): Promise<DetailAnswer> {
    return this.read((life) => this.reader.groupDetail(life, app, group, asker));
  }

  membership(app: string, group: string, since?: bigint): Promise<Membership | undefined> {
    return this.read((life) => this.reader.membership(life, app, group, since));
  }

  accountState(app: string, account: string, since: bigint, limit: number): Promise<AccountState> {
    return this.read((life) => readState(this.readConnections, life, { app, account, since, limit }));
  }

  async markRead(mark: ReadMark): Promise<ReadOutcome> {
    this.refuseWrites();
    return this.readMarks.add(mark);
  }

  readers(query: ReadersQuery): Promise<ReadersAnswer> {
    return this.read((life) => this.conversationReader.readers(life, query));
  }

  history(query: HistoryQuery): Promise<Uint8Array | "notFound"> {
    return this.read((life) => this.conversationReader.history(life, query));
  }

  messages(app: string, account: string, messageIds: readonly bigint[]): Promise<Uint8Array> {
    return this.read((life) => this.conversationReader.messages(life, app, account, messageIds));
  }

  conversations(query: ConversationsQuery): Promise<Uint8Array> {
    return this.read((life) => this.conversationReader.conversations(life, query));
  }

  protected get canCommit(): boolean {
    return this.housekeeping.failure === undefined;
  }

  protected commit(jobs: readonly Job[]): Promise<BigInt64Array> {
    return this.writer.commit(jobs);
  }

  protected commitChanges(jobs: readonly ChangeJob[]): Promise<readonly ChangeResult[]> {
    return this.writer.commitChanges(jobs);
  }

  get trouble(): string {
    return this.housekeeping.failure ?? "";
  }

  get replication(): StoreReplication | undefined {
    const { primary } = this.writer;
    if (primary === undefined) return undefined;
    const host = primary.place?.host;
    // A primary without its standbys is none: whoever watches their number is told.
    return host === undefined ? { primary: host, standbys: "", lags: [] } : { primary: host, ...this.standbys.seen };
  }

  protected observe(failure: StoreUnavailable | undefined): void {
    if (failure instanceof StoreReplaced) {
      // Queued calls are tried, in the new store.
      this.housekeeping.lost();
      return;
    }
    this.housekeeping.committed(failure?.message);
    // Queued calls are not tried: they would wait for the same time limit.
    if (failure !== undefined) this.refuseQueued(failure.message);
  }

  protected refusal(): string | undefined {
    return this.housekeeping.failure;
  }

  protected readIndex(query: IndexQuery, limit: number): Promise<readonly IndexEntry[]> {
    return this.read((life) => this.logReader.index(life, query, limit));
  }

  protected readEntries(query: LogQuery, limit: number): Promise<LogPage> {
    return this.read((life) => this.logReader.entries(life, query, limit));
  }

  protected readContents(app: string, account: string, messageIds: readonly bigint[]): Promise<Uint8Array> {
    return this.read((life) => this.reader.contents(life, app, account, messageIds));
  }

  protected async closeEngine(): Promise<void> {
    this.housekeeping.stop();
    this.deletions.stop();
    await Promise.all([this.readConnections.close(), this.readMarks.close()]);
    try {
      if (this.housekeeping.failure === undefined) await this.writer.release();
    } catch (error) {
      this.log.warn("The store did not close cleanly; nothing acknowledged is lost.", { reason: reasonOf(error) });
    }
    await this.writer.close();
  }

  /** Renews the lease, or opens a store that was away at the start. Calls `refused` if only a restart helps. */
  private async renew({ url, refused }: PostgresStoreOptions): Promise<Renewal> {
    const { unopened } = this;
    try {
      const renewal = await (unopened === undefined ? this.writer.renew() : unopened.open());
      this.unopened = undefined;
      if (this.writer.primary !== undefined) void this.standbys.look((look) => this.readConnections.run(look));
      return renewal;
    } catch (error) {
      const refusal = refusalOf(url, error);
      const isPermanent = unopened === undefined ? error instanceof NotOwned : !mayOpenLater(error);
      if (isPermanent && refusal instanceof StoreUnavailable) refused?.(refusal.message);
      throw error;
    }
  }

  /**
   * Reads from the writer's store. If it was replaced, the writer renews first, and the read is repeated. If the
   * writer's store is unchanged, the readers have reached another one, and the read fails.
   */
  private async read<T>(work: (life: string) => Promise<T>): Promise<T> {
    const { life: known } = this.writer;
    if (known === undefined) throw new StoreUnavailable(this.housekeeping.failure ?? "the store is not open yet");
    let life = known;
    for (let tries = 1; ; tries++) {
      try {
        return await work(life);
      } catch (error) {
        if (!(error instanceof StoreReplaced)) throw error;
        const renewal = await this.writer.renewFrom(life).catch((failure: unknown) => {
          this.housekeeping.lost();
          throw failure;
        });
        if (renewal.life === life) throw error;
        // Another store is read once; accounts may be deleted one after the other.
        if (tries > 1 && (tries === triesMax || !areDeletions(life, renewal.life))) throw error;
        ({ life } = renewal);
      }
    }
  }

  /** The writer has found another store, so caches of earlier answers are stale. */
  private changed(former: string, life: string, store: string): void {
    // A restart of the server looks like a replacement, so caches are dropped, but it is not logged.
    // Nor is a deletion of an account.
    if (contentOf(former) !== contentOf(life) && !areDeletions(former, life)) this.warnOfReplacement({ store });
    this.replaced();
    // The next renewal tells its identity and owner.
    this.housekeeping.lost();
  }

  private warnOfScarcity(): void {
    this.scarcityLog.warn(
      "The database has no connection left for reads: they share the writer's and wait for it. " +
        `Raise max_connections; a chat node opens up to ${2 + readConnectionsMax}.`,
      {},
    );
  }
}

// The store on PostgreSQL, for many processes on one database: what is to be written goes in batches through the writer,
// what is read comes over other connections beside it. The SQL is in message-functions.ts and group-functions.ts
// (writing) and in reader.ts.

import { randomBytes } from "node:crypto";
import { systemClock, type Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { JobStore } from "../job-store.ts";
import type { Job } from "../jobs.ts";
import { purgeRowsMax } from "../purge.ts";
import {
  StoreUnavailable,
  type IndexEntry,
  type IndexQuery,
  type Membership,
  type Store,
  type StoreClock,
  type StoredContent,
} from "../store.ts";
import { Connections, placeOf } from "./connection.ts";
import { countUpTo, Horizons } from "./horizons.ts";
import { Housekeeping } from "./housekeeping.ts";
import { migrate } from "./migrate.ts";
import { Reader, type DetailAnswer } from "./reader.ts";
import { mayShareBatch, Writer } from "./writer.ts";

export interface PostgresStoreOptions {
  /** postgres://user:password@host:port/database, with the options of Bun's client (sslmode and others). */
  readonly url: string;
  /** Whole days; 0 keeps messages for ever. */
  readonly retentionDays: number;
  readonly log: Log;
  /** Only its monotonic time counts; the wall clock is the database's. */
  readonly clock?: Pick<Clock, "monotonicMs">;
}

const dayMs = 86_400_000;
/** Besides the writer's one. */
const readConnectionsMax = 4;
const readIdleSecondsMax = 60;

/**
 * Opens the store, brings its schema up to date and leases a node number. Rejects with StoreUnavailable and a sentence
 * for the operator when the database is away, is not ours, or is newer than this program.
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<Store> {
  const { url, clock = systemClock } = options;
  const writer = new Writer(url, randomBytes(8).toString("hex"));
  try {
    await migrate(url);
    await writer.renew();
  } catch (error) {
    await writer.close();
    if (!(error instanceof StoreUnavailable)) throw error;
    throw new StoreUnavailable(
      `The message store ${placeOf(url)} cannot be opened: ${error.message}. ` +
        "Check that the database runs and that the URL's user may connect and create a schema in it.",
      { cause: error },
    );
  }
  return new PostgresStore(writer, clock, options);
}

class PostgresStore extends JobStore {
  protected readonly charactersPerMember = 400;
  private readonly log: Log;
  private readonly writer: Writer;
  private readonly readConnections: Connections;
  private readonly reader: Reader;
  private readonly housekeeping: Housekeeping;

  constructor(writer: Writer, clock: Pick<Clock, "monotonicMs">, { url, retentionDays, log }: PostgresStoreOptions) {
    super(mayShareBatch);
    this.log = log;
    this.writer = writer;
    this.readConnections = new Connections({
      url,
      connectionsMax: readConnectionsMax,
      idleSecondsMax: readIdleSecondsMax,
    });
    this.reader = new Reader(this.readConnections);
    const keepMs = retentionDays > 0 ? retentionDays * dayMs : undefined;
    const horizons = new Horizons(this.readConnections, clock, keepMs);
    this.housekeeping = new Housekeeping(
      {
        renew: () => writer.renew(),
        look: () => horizons.look(),
        purge: (above) => this.purge(above),
        count: (endId) => countUpTo(this.readConnections, endId),
      },
      () => clock.monotonicMs(),
      log,
    );
    writer.onLost = () => this.housekeeping.lost();
  }

  groupDetail(app: string, group: string, asker: string): Promise<DetailAnswer> {
    return this.reader.groupDetail(app, group, asker);
  }

  membership(app: string, group: string): Promise<Membership | undefined> {
    return this.reader.membership(app, group);
  }

  override get clock(): StoreClock {
    return this.housekeeping.clock;
  }

  protected get canCommit(): boolean {
    return this.housekeeping.failure === undefined;
  }

  protected commit(jobs: readonly Job[]): Promise<BigInt64Array> {
    return this.writer.commit(jobs);
  }

  get trouble(): string {
    return this.housekeeping.failure ?? "";
  }

  protected observe(failure: StoreUnavailable | undefined): void {
    this.housekeeping.committed(failure?.message);
    // What waits behind a batch that failed is not tried: it would wait for the same time limit.
    if (failure !== undefined) this.refuseQueued(failure.message);
  }

  protected refusal(): string | undefined {
    return this.housekeeping.failure;
  }

  protected readIndex(query: IndexQuery, limit: number): Promise<readonly IndexEntry[]> {
    return this.reader.index(query, limit);
  }

  protected readContents(
    app: string,
    account: string,
    messageIds: readonly bigint[],
  ): Promise<readonly StoredContent[]> {
    return this.reader.contents(app, account, messageIds);
  }

  protected async closeEngine(): Promise<void> {
    this.housekeeping.stop();
    await this.readConnections.close();
    try {
      if (this.housekeeping.failure === undefined) await this.writer.release();
    } catch (error) {
      this.log.warn("The store did not close cleanly; nothing acknowledged is lost.", {
        reason: error instanceof Error ? error.message : String(error),
      });
    }
    await this.writer.close();
  }

  private async purge(above: bigint): Promise<bigint | undefined> {
    const [slice] = await this.readConnections.run<{ next: bigint | null }[]>(
      (sql) => sql`SELECT roost.purge_slice(${above}, ${purgeRowsMax}) AS next`,
    );
    return slice?.next ?? undefined;
  }
}

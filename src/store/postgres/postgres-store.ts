// The store on PostgreSQL, for many processes on one database: what is to be written goes in batches through the writer,
// what is read comes over other connections beside it. The SQL is in message-functions.ts and group-functions.ts
// (writing) and in reader.ts.

import { randomBytes } from "node:crypto";
import { assert } from "../../base/assert.ts";
import { systemClock, type Clock } from "../../base/clock.ts";
import { contentIdsMax, indexEntriesMax } from "../../base/limits.ts";
import type { Log } from "../../base/log.ts";
import { Batcher } from "../batcher.ts";
import { createOutcome, membershipOutcome, outcome, talkJob, talkOutcome, type Job, type Slots } from "../jobs.ts";
import { smallestIdAt } from "../snowflake.ts";
import {
  StoreUnavailable,
  type GroupDraft,
  type IndexEntry,
  type IndexQuery,
  type Membership,
  type MembershipChange,
  type MembershipOutcome,
  type Store,
  type StoredContent,
  type Talk,
  type TalkOutcome,
} from "../store.ts";
import { Connections, placeOf } from "./connection.ts";
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
  readonly clock?: Clock;
}

/** Besides the writer's one. */
const readConnectionsMax = 4;
const readIdleSecondsMax = 60;
/** A member of a new group costs about as much as a message of this length: few large groups share a transaction. */
const charactersPerMember = 400;
/** Rows deleted in one transaction. */
const purgeRowsMax = 2_000;

/**
 * Opens the store, brings its schema up to date and leases a node number. Rejects with StoreUnavailable and a sentence
 * for the operator when the database is away, is not ours, or is newer than this program.
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<Store> {
  const { url, clock = systemClock } = options;
  const writer = new Writer(url, randomBytes(8).toString("hex"), clock);
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

class PostgresStore implements Store {
  private readonly log: Log;
  private readonly writer: Writer;
  private readonly readConnections: Connections;
  private readonly reader: Reader;
  private readonly batcher: Batcher;
  private readonly housekeeping: Housekeeping;
  private closing: Promise<void> | undefined;

  constructor(writer: Writer, clock: Clock, { url, retentionDays, log }: PostgresStoreOptions) {
    this.log = log;
    this.writer = writer;
    this.readConnections = new Connections({
      url,
      connectionsMax: readConnectionsMax,
      idleSecondsMax: readIdleSecondsMax,
    });
    this.reader = new Reader(this.readConnections, clock);
    this.housekeeping = new Housekeeping(
      {
        renew: () => writer.renew(),
        purge: (above, keepMs) => this.purge(above, smallestIdAt(clock.wallMs() - keepMs)),
      },
      retentionDays,
      log,
    );
    writer.onLost = () => this.housekeeping.lost();
    this.batcher = new Batcher(
      (jobs) => writer.commit(jobs),
      (failure) => this.observe(failure),
      mayShareBatch,
    );
  }

  get isHealthy(): boolean {
    return this.closing === undefined && this.housekeeping.failure === undefined;
  }

  append(talks: readonly Talk[]): Promise<readonly TalkOutcome[]> {
    if (talks.length === 0) return Promise.resolve([]);
    let characters = 0;
    const jobs: Job[] = [];
    for (const talk of talks) {
      characters += talk.body.length + talk.extra.length;
      jobs.push(talkJob(talk));
    }
    return this.write(jobs, characters, (slots) => talks.map((_, job) => talkOutcome(slots, job)));
  }

  acknowledge(app: string, account: string, device: string, messageId: bigint): Promise<"done" | "future"> {
    return this.write([["ack", app, account, device, messageId.toString()]], 0, (slots) =>
      slots(0, 0) === outcome.future ? "future" : "done",
    );
  }

  createGroup(
    draft: GroupDraft,
  ): Promise<
    { readonly result: "created"; readonly version: bigint } | { readonly result: "full"; readonly account: string }
  > {
    const characters = draft.members.length * charactersPerMember;
    return this.write([["create", draft]], characters, (slots) => createOutcome(draft, slots));
  }

  join(change: MembershipChange): Promise<MembershipOutcome> {
    return this.write([["join", change]], 0, membershipOutcome);
  }

  quit(change: MembershipChange): Promise<MembershipOutcome> {
    return this.write([["quit", change]], 0, membershipOutcome);
  }

  async index(query: IndexQuery): Promise<readonly IndexEntry[]> {
    const limit = Math.min(query.limit, indexEntriesMax);
    if (limit <= 0) return [];
    return this.reader.index(query, limit);
  }

  async contents(app: string, account: string, messageIds: readonly bigint[]): Promise<readonly StoredContent[]> {
    assert(messageIds.length <= contentIdsMax, "a content request names at most contentIdsMax ids");
    if (messageIds.length === 0) return [];
    return this.reader.contents(app, account, messageIds);
  }

  groupDetail(app: string, group: string, asker: string): Promise<DetailAnswer> {
    return this.reader.groupDetail(app, group, asker);
  }

  membership(app: string, group: string): Promise<Membership | undefined> {
    return this.reader.membership(app, group);
  }

  close(): Promise<void> {
    this.closing ??= this.closeOnce();
    return this.closing;
  }

  private async closeOnce(): Promise<void> {
    await this.batcher.drain();
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

  private write<T>(jobs: readonly Job[], characters: number, read: (slots: Slots) => T): Promise<T> {
    if (this.closing !== undefined) return Promise.reject(new StoreUnavailable("the store is closed"));
    const { failure } = this.housekeeping;
    if (failure !== undefined) return Promise.reject(new StoreUnavailable(failure));
    return this.batcher.add(jobs, characters, read);
  }

  private observe(failure: string | undefined): void {
    this.housekeeping.committed(failure);
    // What waits behind a batch that failed is not tried: it would wait for the same time limit.
    if (failure !== undefined) this.batcher.refuseQueued(new StoreUnavailable(failure));
  }

  private async purge(above: bigint, below: bigint): Promise<bigint | undefined> {
    const [slice] = await this.readConnections.run<{ next: bigint | null }[]>(
      (sql) => sql`SELECT roost.purge(${above}, ${below}, ${purgeRowsMax}) AS next`,
    );
    return slice?.next ?? undefined;
  }
}

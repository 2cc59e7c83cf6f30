// Connections to the database with bounded waiting: a query is answered, refused or abandoned within `answerMsMax`,
// which begins when the primary is found. It is unknown whether an abandoned query was committed; its connections are
// discarded, so that a late answer is not taken for another query's. The next query opens new ones.
//
// No statement opens a transaction that waits for this process: each is a transaction of its own, which ends in the
// database regardless of this process. So a dead process's lock lasts only as long as its statement, which the database
// bounds, too.

import type { SQL } from "bun";
import { reasonOf } from "../../base/reason-of.ts";
import { StoreUnavailable } from "../store.ts";
import { type ClientOptions, ofSeveral, openClient } from "./client.ts";
import { DatabaseAway, failureOf, isAnswer, isLeaving, isScarcity } from "./failures.ts";
import { hostUrls } from "../host-list.ts";
import type { Place, Primary } from "./primary/primary.ts";
import { namesTlsFiles } from "./secure-url.ts";

const lockMsMax = 1_500;
const answerMsMax = 2_500;
/** The database cancels a statement this long before its caller abandons it. */
const answerSlackMs = 500;
const queriesMax = 10_000;
/** After the database had no connection left, no further one is requested for this long. */
const scarceMs = 1_000;
/** The files for TLS are read again after failures at most once in this time. */
const filesMs = 1_000;

/** Forces index lookups, even on small tables; see message-functions.ts. */
const planning = {
  plan_cache_mode: "force_generic_plan",
  enable_indexscan: "on",
  enable_indexonlyscan: "on",
  enable_nestloop: "on",
  enable_seqscan: "off",
  enable_bitmapscan: "off",
  enable_hashjoin: "off",
  enable_mergejoin: "off",
  jit: "off",
} as const;

interface ConnectionOptions extends ClientOptions {
  /** Finds the server to use where the URL names several; all that share it leave a server together. */
  readonly primary?: Primary | undefined;
  /** A query without an answer means that the primary is gone: for the connection on which little else waits. */
  readonly doubtsPrimary?: boolean;
  /** Runs behind each query that has succeeded, on its connection; rejects if what was written may not last. */
  readonly confirm?: ((sql: SQL) => Promise<void>) | undefined;
  /** The time limit of a query; default 2.5 s. */
  readonly answerMsMax?: number;
  /** Called when the database has no connection left for a query, at most once in `scarceMs`. */
  onScarce?(): void;
  /** Runs queries for which the database has no connection left. */
  readonly substitute?: Connections;
}

export class Connections {
  private readonly options: ConnectionOptions;
  private client: SQL | undefined;
  private isClosed = false;
  private queries = 0;
  /** Until then (by performance.now()) the substitute runs the queries. */
  private scarceUntilMs = 0;
  /** When a failure last made it read the files for TLS again, by performance.now(). */
  private filesReadMs = -Infinity;

  constructor(options: ConnectionOptions) {
    this.options = options;
    options.primary?.watch(() => this.leave());
  }

  /** Runs queries; rejects with StoreUnavailable if they fail or time out, and then they may have been executed. */
  async run<T>(work: (sql: SQL) => Promise<T>): Promise<T> {
    const { substitute, primary } = this.options;
    if (substitute !== undefined && this.isScarce) return substitute.run(work);
    if (this.queries >= queriesMax) throw new StoreUnavailable("too many requests are waiting for the database");
    this.queries++;
    const waitMs = this.options.answerMsMax ?? answerMsMax;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let client: SQL | undefined;
    let place: Place | undefined;
    try {
      // It may be left between its finding and the next turn.
      if (primary !== undefined) {
        do {
          place = primary.place ?? (await primary.find());
        } while (place !== primary.place);
      }
      if (this.isClosed) throw new StoreUnavailable("the store is closed");
      const used = (this.client ??= this.open(waitMs, place));
      client = used;
      const expiry = Promise.withResolvers<never>();
      timer = setTimeout(() => {
        const failure = new DatabaseAway(`the database gave no answer within ${waitMs} ms`);
        if (this.client === used) this.client = undefined;
        expiry.reject(failure);
        void discard(used);
        if (this.options.doubtsPrimary === true) primary?.leave(place, failure.message);
      }, waitMs);
      return await Promise.race([this.confirmed(used, place, work), expiry.promise]);
    } catch (error) {
      if (isLeaving(error)) this.leavePrimary(client, place, error);
      // Nothing was sent, so the substitute may run it.
      const isScarce = isScarcity(error);
      if (isScarce && !this.isScarce) {
        this.scarceUntilMs = performance.now() + scarceMs;
        this.options.onScarce?.();
      }
      if (isScarce && substitute !== undefined) return await substitute.run(work);
      if (!isAnswer(error)) this.readFilesAgain();
      throw failureOf(error);
    } finally {
      this.queries--;
      clearTimeout(timer);
    }
  }

  private open(waitMs: number, place: Place | undefined): SQL {
    const { options } = this;
    const client: SQL = openClient(
      {
        ...options,
        url: place?.url ?? hostUrls(options.url)[0],
        onLost: (reason) => {
          options.onLost?.(reason);
          if (isLeaving(reason)) this.leavePrimary(client, place, reason);
        },
      },
      {
        statement_timeout: `${waitMs - answerSlackMs}`,
        lock_timeout: `${lockMsMax}`,
        ...planning,
        ...(place && ofSeveral),
      },
    );
    return client;
  }

  /** Where what was written may not last, another server may be the primary by now; this one may be its standby. */
  private confirmed<T>(client: SQL, place: Place | undefined, work: (sql: SQL) => Promise<T>): Promise<T> {
    const { confirm } = this.options;
    if (confirm === undefined) return work(client);
    return work(client).then(async (result) => {
      await confirm(client).catch((error: unknown) => {
        this.leavePrimary(client, place, error);
        throw error;
      });
      return result;
    });
  }

  /** Leaves the server of a client because of its failure. One that was discarded proves nothing. */
  private leavePrimary(client: SQL | undefined, place: Place | undefined, failure: unknown): void {
    if (client !== undefined && client === this.client) this.options.primary?.leave(place, reasonOf(failure));
  }

  /** The primary was left: pending queries fail, for what it answers from now on is not believed. */
  private leave(): void {
    const { client } = this;
    this.client = undefined;
    if (client !== undefined) void discard(client);
  }

  /** Gives its connections to others for a while: completes pending queries, and leaves new ones to the substitute. */
  yield(): void {
    const { client } = this;
    this.client = undefined;
    this.scarceUntilMs = performance.now() + scarceMs;
    void client?.close({ timeout: answerMsMax / 1_000 });
  }

  /**
   * The files for TLS that the URL names may have been renewed, and a client keeps what it has read: the next query
   * opens another one, at most once in `filesMs`. Pending queries are completed.
   */
  private readFilesAgain(): void {
    const nowMs = performance.now();
    const { client } = this;
    // Without a client the next query reads them anyway, or the URL is invalid.
    if (client === undefined || nowMs < this.filesReadMs + filesMs || !namesTlsFiles(hostUrls(this.options.url)[0]))
      return;
    this.filesReadMs = nowMs;
    this.client = undefined;
    void client.close({ timeout: answerMsMax / 1_000 });
  }

  async close(): Promise<void> {
    this.isClosed = true;
    const { client } = this;
    this.client = undefined;
    if (client !== undefined) await discard(client);
  }

  private get isScarce(): boolean {
    return performance.now() < this.scarceUntilMs;
  }
}

async function discard(client: SQL): Promise<void> {
  await client.close({ timeout: 0 });
}

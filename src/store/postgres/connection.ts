// Connections to the database that never make a caller wait for long: a query is answered, refused or given up within
// `answerMsMax`. Whoever gave up a query does not know whether it was committed; its connections are thrown away, so that
// no late answer is taken for another one's. New ones are opened by the next query.
//
// Statements never open a transaction that waits for this process: each is a transaction of its own, and ends by itself
// in the database whatever becomes of us. So a dead peer's lock is held for as long as its statement runs, which the
// database bounds, too.

import { SQL } from "bun";
import { StoreUnavailable } from "../store.ts";
import { refusalState } from "./writer-lock.ts";

const connectSecondsMax = 2;
const lockMsMax = 1_500;
const answerMsMax = 2_500;
/** A statement is given up by the database this long before its caller gives it up. */
const answerSlackMs = 500;
/** Queries that wait for their answers; more are refused. */
const queriesMax = 10_000;

/** Look-ups by index from the first row on; see message-functions.ts. */
const planning = {
  plan_cache_mode: "force_generic_plan",
  enable_seqscan: "off",
  enable_bitmapscan: "off",
  enable_hashjoin: "off",
  enable_mergejoin: "off",
  jit: "off",
} as const;

export interface ConnectionOptions {
  readonly url: string;
  readonly connectionsMax: number;
  /** Connections that are idle for this long are closed; 0 keeps them. */
  readonly idleSecondsMax: number;
  /** How long a query may take; 2.5 s unless it is given. */
  readonly answerMsMax?: number;
  /** Called when a connection is lost, before anything is sent over another one. */
  onLost?(): void;
}

/** The database's host, port and name, for the log: never the user or the password. */
export function placeOf(url: string): string {
  if (!URL.canParse(url)) return "(not a URL)";
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}

/**
 * A client of Bun's, whose connections have these settings unless the URL has others. Refuses what is no URL with a
 * sentence that does not show it.
 */
export function openClient(options: ConnectionOptions, settings: Record<string, string>): SQL {
  if (!URL.canParse(options.url) || !/^postgres(ql)?:$/.test(new URL(options.url).protocol)) {
    throw new StoreUnavailable("its URL is not of the form postgres://user:password@host:port/database");
  }
  const { pathname, searchParams } = new URL(options.url);
  try {
    const name = decodeURIComponent(pathname.slice(1));
    return new SQL(options.url, {
      adapter: "postgres",
      max: options.connectionsMax,
      bigint: true,
      connectionTimeout: connectSecondsMax,
      idleTimeout: options.idleSecondsMax,
      connection: Object.fromEntries(Object.entries(settings).filter(([setting]) => !searchParams.has(setting))),
      onclose: () => options.onLost?.(),
      // Bun prefers PGDATABASE to the URL's name.
      ...(name === "" ? {} : { database: name }),
    });
  } catch (error) {
    // Without a cause: errors about URLs carry them, with the password.
    const reason = error instanceof Error ? error.message : "it is malformed";
    throw new StoreUnavailable(`its URL is not understood: ${reason.replaceAll(options.url, "…")}`);
  }
}

/** The sentence of what the database, the network or the configuration did wrong; undefined for a bug of ours. */
function sentenceOf(error: unknown): string | undefined {
  if (error instanceof StoreUnavailable) return error.message;
  if (error instanceof SQL.PostgresError) {
    if (error.errno === refusalState) return error.message;
    return `${error.message} (${error.errno ?? error.code})`;
  }
  // What TLS refuses comes as a plain error with a code.
  const isBug = !(error instanceof Error) || error instanceof TypeError || !("code" in error);
  return isBug ? undefined : `${error.message} (${String(error.code)})`;
}

/** What a query's caller is told. */
export function failureOf(error: unknown): unknown {
  const sentence = sentenceOf(error);
  return sentence === undefined ? error : new StoreUnavailable(sentence, { cause: error });
}

export class Connections {
  private readonly options: ConnectionOptions;
  private client: SQL | undefined;
  private isClosed = false;
  private queries = 0;

  constructor(options: ConnectionOptions) {
    this.options = options;
  }

  /** Runs queries; rejects with StoreUnavailable where they fail or take too long, and then they may be done or not. */
  async run<T>(work: (sql: SQL) => Promise<T>): Promise<T> {
    const waitMs = this.options.answerMsMax ?? answerMsMax;
    if (this.isClosed) throw new StoreUnavailable("the store is closed");
    if (this.queries >= queriesMax) throw new StoreUnavailable("too much waits for the database already");
    this.queries++;
    const expiry = Promise.withResolvers<never>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      this.client ??= openClient(this.options, {
        application_name: "roost",
        statement_timeout: `${waitMs - answerSlackMs}`,
        lock_timeout: `${lockMsMax}`,
        ...planning,
      });
      const client = this.client;
      timer = setTimeout(() => {
        if (this.client === client) this.client = undefined;
        expiry.reject(new StoreUnavailable(`the database gave no answer within ${waitMs} ms`));
        void discard(client);
      }, waitMs);
      return await Promise.race([work(client), expiry.promise]);
    } catch (error) {
      throw failureOf(error);
    } finally {
      this.queries--;
      clearTimeout(timer);
    }
  }

  /** Ends what runs, and all connections. */
  async close(): Promise<void> {
    this.isClosed = true;
    const { client } = this;
    this.client = undefined;
    if (client !== undefined) await discard(client);
  }
}

/** Ends a client's connections at once. */
async function discard(client: SQL): Promise<void> {
  await client.close({ timeout: 0 });
}

// Connections to the database that never make a caller wait for long: a query is answered, refused or given up within
// `answerMsMax`. Whoever gave up a query does not know whether it was committed; its connections are thrown away, so that
// no late answer is taken for another one's. New ones are opened by the next query.
//
// Statements never open a transaction that waits for this process: each is a transaction of its own, and ends by itself
// in the database whatever becomes of us. So a dead peer's lock is held for as long as its statement runs, which the
// database bounds, too.

import { userInfo } from "node:os";
import { SQL } from "bun";
import { StoreUnavailable } from "../store.ts";
import { replacedState } from "./life.ts";
import { refusalState } from "./writer-lock.ts";

const defaultPort = 5432;
const connectSecondsMax = 2;
const lockMsMax = 1_500;
const answerMsMax = 2_500;
/** A statement is given up by the database this long before its caller gives it up. */
const answerSlackMs = 500;
/** Queries that wait for their answers; more are refused. */
const queriesMax = 10_000;
/** SQLSTATE too_many_connections: of the server, of the database or of the role. */
const tooManyConnections = "53300";
/** After the database had no connection left, none is asked of it for this long. */
const scarceMs = 1_000;

/**
 * What the statements depend on, whatever ALTER SYSTEM, ALTER DATABASE or ALTER ROLE made the default. There are no foreign
 * keys, and the trigger (life.ts) always fires, so session_replication_role, which only a superuser may set, changes nothing.
 */
const dependable = {
  application_name: "roost",
  // A statement that waited for the writers' lock must see what they committed.
  default_transaction_isolation: "read committed",
  default_transaction_read_only: "off",
  default_transaction_deferrable: "off",
  client_encoding: "UTF8",
  row_security: "on",
  // Our names are qualified; nobody's function or operator takes the place of a built-in one.
  search_path: "pg_catalog, pg_temp",
  array_nulls: "on",
  standard_conforming_strings: "on",
  transform_null_equals: "off",
  exit_on_error: "off",
  idle_in_transaction_session_timeout: "0",
  idle_session_timeout: "0",
} as const;

/** Look-ups by index from the first row on; see message-functions.ts. */
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

interface ConnectionOptions {
  readonly url: string;
  readonly connectionsMax: number;
  /** Connections that are idle for this long are closed; 0 keeps them. */
  readonly idleSecondsMax: number;
  /** How long a query may take; 2.5 s unless it is given. */
  readonly answerMsMax?: number;
  /** Called when a connection is lost, before anything is sent over another one. */
  onLost?(): void;
  /** Called when the database has no connection left for a query, at most once in `scarceMs`. */
  onScarce?(): void;
  /** Answers queries for which the database has no connection left. */
  readonly substitute?: Connections;
}

/** The database does not serve now, and may do so later although nobody changes a setting. */
export class DatabaseAway extends StoreUnavailable {}

/**
 * The database does not hold the store that the caller knows: it was restored, is being restored, or is another server's.
 * What was asked has done nothing and shows nothing; what was remembered of the store is worth nothing (life.ts).
 */
export class StoreReplaced extends StoreUnavailable {}

/** SQLSTATEs of tables, columns, functions and schemas that are not there. */
const missingState = /^(3F000|42P01|42703|42883)$/;
/** SQLSTATEs of what passes: connections, resources, shutdown and start-up, standby, locks, time limits, disks. */
const passingState = /^(08|25006|40|53|55P03|57|58)/;
/** Codes of what happened on the way: of Bun's client, and of the system. */
const passingCode = /^(ERR_POSTGRES_(CONNECTION_|\w+_TIMEOUT)|E(CONN|HOST|NET|PIPE|TIMEDOUT))/;

/** The database's host, port and name, for the log: never the user or the password. */
export function placeOf(url: string): string {
  if (!URL.canParse(url)) return "(not a URL)";
  const { host, pathname } = new URL(url);
  const socket = socketOf(url);
  if (socket !== undefined) return `${socket.folder}:${socket.port}${pathname}`;
  return `${host}${pathname}`;
}

/** A server of this machine, and who signs in there. */
interface PostgresSocket {
  /** Absolute. */
  readonly folder: string;
  readonly port: number;
  /** Unless the URL names another: the user of this process, as with PostgreSQL's own programs. */
  readonly user: string;
}

/**
 * Where a URL names the folder of a Unix socket, as those of PostgreSQL's own programs do:
 * `postgres:///roost?host=/var/run/postgresql`, or `postgres://user@%2Fvar%2Frun%2Fpostgresql/roost`; else undefined.
 */
export function socketOf(url: string): PostgresSocket | undefined {
  const { hostname, port, username, searchParams } = new URL(url);
  const folder = hostname === "" ? (searchParams.get("host") ?? "") : hostname.replaceAll(/%2f/gi, "/");
  if (!folder.startsWith("/")) return undefined;
  const user = username === "" ? searchParams.get("user") : decodeURIComponent(username);
  return {
    folder,
    port: Number(port || searchParams.get("port") || defaultPort),
    user: user ?? process.env["PGUSER"] ?? userInfo().username,
  };
}

/** Parts of a URL of a socket that are no settings of a connection. */
const socketParts = ["host", "port", "user", "password"] as const;

/** What Bun's client takes for the URL of a socket: a URL of a host, and options in the place of that host. */
function bunUrlOf(url: string): readonly [url: string, options: SQL.PostgresOrMySQLOptions] {
  const socket = socketOf(url);
  if (socket === undefined) return [url, {}];
  const { password, pathname, searchParams } = new URL(url);
  const given = password === "" ? searchParams.get("password") : decodeURIComponent(password);
  for (const part of socketParts) searchParams.delete(part);
  return [
    `postgres://localhost${pathname}?${searchParams}`,
    {
      hostname: socket.folder,
      port: socket.port,
      username: socket.user,
      password: given ?? process.env["PGPASSWORD"] ?? "",
      tls: false,
    },
  ];
}

/**
 * A client of Bun's, whose connections have these settings and the dependable ones unless the URL has others. Refuses what is no URL with a
 * sentence that does not show it.
 */
export function openClient(options: ConnectionOptions, settings: Record<string, string>): SQL {
  if (!URL.canParse(options.url) || !/^postgres(ql)?:$/.test(new URL(options.url).protocol)) {
    throw new StoreUnavailable(
      "its URL is not of the form postgres://user:password@host:port/database, or postgres:///database?host=/folder of a Unix socket",
    );
  }
  const { pathname, searchParams } = new URL(options.url);
  try {
    const name = decodeURIComponent(pathname.slice(1));
    const [url, place] = bunUrlOf(options.url);
    return new SQL(url, {
      ...place,
      adapter: "postgres",
      max: options.connectionsMax,
      bigint: true,
      connectionTimeout: connectSecondsMax,
      idleTimeout: options.idleSecondsMax,
      connection: Object.fromEntries(
        Object.entries({ ...dependable, ...settings }).filter(([setting]) => !searchParams.has(setting)),
      ),
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
    if (error.errno === refusalState || error.errno === replacedState) return error.message;
    return `${error.message} (${error.errno ?? error.code})`;
  }
  // What TLS refuses comes as a plain error with a code.
  const isBug = !(error instanceof Error) || error instanceof TypeError || !("code" in error);
  return isBug ? undefined : `${error.message} (${String(error.code)})`;
}

function isPassing(error: unknown): boolean {
  if (error instanceof SQL.PostgresError && error.errno !== undefined) return passingState.test(error.errno);
  return error instanceof Error && "code" in error && passingCode.test(String(error.code));
}

function isReplaced(error: unknown): boolean {
  if (!(error instanceof SQL.PostgresError) || error.errno === undefined) return false;
  return error.errno === replacedState || missingState.test(error.errno);
}

/** What a query's caller is told: DatabaseAway, StoreReplaced or StoreUnavailable, or a bug as it is. */
export function failureOf(error: unknown): unknown {
  if (error instanceof DatabaseAway || error instanceof StoreReplaced) return error;
  const sentence = sentenceOf(error);
  if (sentence === undefined) return error;
  if (isReplaced(error)) return new StoreReplaced(sentence, { cause: error });
  return isPassing(error)
    ? new DatabaseAway(sentence, { cause: error })
    : new StoreUnavailable(sentence, { cause: error });
}

export class Connections {
  private readonly options: ConnectionOptions;
  private client: SQL | undefined;
  private isClosed = false;
  private queries = 0;
  /** Until then the substitute answers, by performance.now(). */
  private scarceUntilMs = 0;

  constructor(options: ConnectionOptions) {
    this.options = options;
  }

  /** Runs queries; rejects with StoreUnavailable where they fail or take too long, and then they may be done or not. */
  async run<T>(work: (sql: SQL) => Promise<T>): Promise<T> {
    const { substitute } = this.options;
    if (substitute !== undefined && this.isScarce) return substitute.run(work);
    const waitMs = this.options.answerMsMax ?? answerMsMax;
    if (this.isClosed) throw new StoreUnavailable("the store is closed");
    if (this.queries >= queriesMax) throw new StoreUnavailable("too much waits for the database already");
    this.queries++;
    const expiry = Promise.withResolvers<never>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      this.client ??= openClient(this.options, {
        statement_timeout: `${waitMs - answerSlackMs}`,
        lock_timeout: `${lockMsMax}`,
        ...planning,
      });
      const client = this.client;
      timer = setTimeout(() => {
        if (this.client === client) this.client = undefined;
        expiry.reject(new DatabaseAway(`the database gave no answer within ${waitMs} ms`));
        void discard(client);
      }, waitMs);
      return await Promise.race([work(client), expiry.promise]);
    } catch (error) {
      // Nothing was sent, so it may be sent elsewhere.
      const isScarce = error instanceof SQL.PostgresError && error.errno === tooManyConnections;
      if (isScarce && !this.isScarce) {
        this.scarceUntilMs = performance.now() + scarceMs;
        this.options.onScarce?.();
      }
      if (isScarce && substitute !== undefined) return await substitute.run(work);
      throw failureOf(error);
    } finally {
      this.queries--;
      clearTimeout(timer);
    }
  }

  /** Leaves its connections to others for a while: what runs is finished, the substitute answers what comes. */
  yield(): void {
    const { client } = this;
    this.client = undefined;
    this.scarceUntilMs = performance.now() + scarceMs;
    void client?.close({ timeout: answerMsMax / 1_000 });
  }

  /** Ends what runs, and all connections. */
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

/** Ends a client's connections at once. */
async function discard(client: SQL): Promise<void> {
  await client.close({ timeout: 0 });
}

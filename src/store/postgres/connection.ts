// Connections to the database with bounded waiting: a query is answered, refused or abandoned within `answerMsMax`. It
// is unknown whether an abandoned query was committed; its connections are discarded, so that a late answer is not
// taken for another query's. The next query opens new ones.
//
// No statement opens a transaction that waits for this process: each is a transaction of its own, which ends in the
// database regardless of this process. So a dead process's lock lasts only as long as its statement, which the database
// bounds, too.

import { userInfo } from "node:os";
import { SQL } from "bun";
import { UnreadableFile } from "../../base/small-file.ts";
import { BadCertificate } from "../../transport/tls/certificate.ts";
import { serverFault } from "../../transport/tls/client-files.ts";
import { StoreUnavailable } from "../store.ts";
import { replacedState } from "./life.ts";
import { namesTlsFiles, secureUrlOf, tlsParts } from "./secure-url.ts";
import { refusalState } from "./writer-lock.ts";

const defaultPort = 5432;
const connectSecondsMax = 2;
const lockMsMax = 1_500;
const answerMsMax = 2_500;
/** The database cancels a statement this long before its caller abandons it. */
const answerSlackMs = 500;
const queriesMax = 10_000;
/** SQLSTATE too_many_connections: of the server, of the database or of the role. */
const tooManyConnections = "53300";
/** After the database had no connection left, no further one is requested for this long. */
const scarceMs = 1_000;
/** The files for TLS are read again after failures at most once in this time. */
const filesMs = 1_000;

/**
 * Settings that the statements need, regardless of the server's, database's or role's defaults. There are no foreign
 * keys,
 * and the trigger (life.ts) always fires, so session_replication_role, which only a superuser may set, has no effect.
 */
const dependable = {
  application_name: "roost",
  // After waiting for the writers' lock, a statement must see what they committed.
  default_transaction_isolation: "read committed",
  default_transaction_read_only: "off",
  default_transaction_deferrable: "off",
  client_encoding: "UTF8",
  row_security: "on",
  // Names are qualified; nobody's function or operator can replace a built-in one.
  search_path: "pg_catalog, pg_temp",
  array_nulls: "on",
  standard_conforming_strings: "on",
  transform_null_equals: "off",
  exit_on_error: "off",
  idle_in_transaction_session_timeout: "0",
  idle_session_timeout: "0",
} as const;

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

interface ConnectionOptions {
  readonly url: string;
  readonly connectionsMax: number;
  /** Closes connections that are idle for this long; 0 keeps them. */
  readonly idleSecondsMax: number;
  /** The time limit of a query; default 2.5 s. */
  readonly answerMsMax?: number;
  onLost?(): void;
  /** Called when the database has no connection left for a query, at most once in `scarceMs`. */
  onScarce?(): void;
  /** Runs queries for which the database has no connection left. */
  readonly substitute?: Connections;
}

/** The database does not serve now, but may do so later without a change of settings. */
export class DatabaseAway extends StoreUnavailable {}

/**
 * The database has another store than the caller knows: it was restored, is being restored, or is another server's. The
 * request had no effect, and caches of the store are stale (life.ts).
 */
export class StoreReplaced extends StoreUnavailable {}

/** SQLSTATEs of missing tables, columns, functions and schemas. */
const missingState = /^(3F000|42P01|42703|42883)$/;
/** SQLSTATEs of transient failures: connections, resources, start-up, standby, locks, time limits, disks. */
const passingState = /^(08|25006|40|53|55P03|57|58)/;
/** Codes of transient failures of the connection: of Bun's client, and of the system. */
const passingCode = /^(ERR_POSTGRES_(CONNECTION_|\w+_TIMEOUT)|E(CONN|HOST|NET|PIPE|TIMEDOUT))/;

/** Returns the database's host, port and name for the log, without user and password. */
export function placeOf(url: string): string {
  if (!URL.canParse(url)) return "(not a URL)";
  const { host, pathname } = new URL(url);
  const socket = socketOf(url);
  if (socket !== undefined) return `${socket.folder}:${socket.port}${pathname}`;
  return `${host}${pathname}`;
}

/** A server on this machine, and the user to sign in. */
interface PostgresSocket {
  /** Absolute. */
  readonly folder: string;
  readonly port: number;
  /** The URL's user, by default that of this process, as in PostgreSQL's own programs. */
  readonly user: string;
}

/**
 * Returns the Unix socket that a URL names, in the forms that PostgreSQL's own programs accept:
 * `postgres:///roost?host=/var/run/postgresql` or `postgres://user@%2Fvar%2Frun%2Fpostgresql/roost`; else undefined.
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

/** Parameters of a socket's URL that are not settings of a connection. */
const socketParts = ["host", "port", "user", "password"] as const;

/** Converts a URL for Bun's client: a URL with a host, and options that replace parts of it. */
function bunUrlOf(url: string): readonly [url: string, options: SQL.PostgresOrMySQLOptions] {
  const socket = socketOf(url);
  if (socket === undefined) return secureUrlOf(url);
  const { password, pathname, searchParams } = new URL(url);
  const given = password === "" ? searchParams.get("password") : decodeURIComponent(password);
  for (const part of [...socketParts, ...tlsParts]) searchParams.delete(part);
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
 * Opens a client of Bun's with these settings and the dependable ones, except those in the URL. Throws StoreUnavailable
 * for an invalid URL, without showing it.
 */
export function openClient(options: ConnectionOptions, settings: Record<string, string>): SQL {
  if (!URL.canParse(options.url) || !/^postgres(ql)?:$/.test(new URL(options.url).protocol)) {
    throw new StoreUnavailable(
      "its URL is not of the form postgres://user:password@host:port/database, " +
        "or postgres:///database?host=/folder of a Unix socket",
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
      // Bun prefers PGDATABASE to the URL's database.
      ...(name === "" ? {} : { database: name }),
    });
  } catch (error) {
    // Without a cause: errors about URLs contain them, with the password.
    const reason = error instanceof Error ? error.message : "it is malformed";
    if (error instanceof BadCertificate || error instanceof UnreadableFile) throw new StoreUnavailable(reason);
    throw new StoreUnavailable(`its URL is invalid: ${reason.replaceAll(options.url, "…")}`);
  }
}

/** Describes a failure of the database, the network or the configuration; undefined for a bug. */
function sentenceOf(error: unknown): string | undefined {
  if (error instanceof StoreUnavailable) return error.message;
  if (error instanceof SQL.PostgresError) {
    if (error.errno === refusalState || error.errno === replacedState) return error.message;
    return `${error.message} (${error.errno ?? error.code})`;
  }
  // TLS failures are plain errors with a code.
  const isBug = !(error instanceof Error) || error instanceof TypeError || !("code" in error);
  if (isBug) return undefined;
  return `${serverFault(error, "sslrootcert") ?? error.message} (${String(error.code)})`;
}

function isPassing(error: unknown): boolean {
  if (error instanceof SQL.PostgresError && error.errno !== undefined) return passingState.test(error.errno);
  return error instanceof Error && "code" in error && passingCode.test(String(error.code));
}

/** Reports whether the database itself has answered, and not by refusing who asks (class 28). */
function isAnswer(error: unknown): boolean {
  return error instanceof SQL.PostgresError && error.errno !== undefined && !error.errno.startsWith("28");
}

function isReplaced(error: unknown): boolean {
  if (!(error instanceof SQL.PostgresError) || error.errno === undefined) return false;
  return error.errno === replacedState || missingState.test(error.errno);
}

/** Converts an error for a query's caller: DatabaseAway, StoreReplaced or StoreUnavailable, or a bug unchanged. */
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
  /** Until then (by performance.now()) the substitute runs the queries. */
  private scarceUntilMs = 0;
  /** When a failure last made it read the files for TLS again, by performance.now(). */
  private filesReadMs = -Infinity;

  constructor(options: ConnectionOptions) {
    this.options = options;
  }

  /** Runs queries; rejects with StoreUnavailable if they fail or time out, and then they may have been executed. */
  async run<T>(work: (sql: SQL) => Promise<T>): Promise<T> {
    const { substitute } = this.options;
    if (substitute !== undefined && this.isScarce) return substitute.run(work);
    const waitMs = this.options.answerMsMax ?? answerMsMax;
    if (this.isClosed) throw new StoreUnavailable("the store is closed");
    if (this.queries >= queriesMax) throw new StoreUnavailable("too many requests are waiting for the database");
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
      // Nothing was sent, so the substitute may run it.
      const isScarce = error instanceof SQL.PostgresError && error.errno === tooManyConnections;
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
    if (client === undefined || nowMs < this.filesReadMs + filesMs || !namesTlsFiles(this.options.url)) return;
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

// Opens a client of Bun's on one server, from a URL in the forms of PostgreSQL's own programs, with the settings that
// all statements need.

import { userInfo } from "node:os";
import { SQL } from "bun";
import { UnreadableFile } from "../../base/small-file.ts";
import { BadCertificate } from "../../transport/tls/certificate.ts";
import { StoreUnavailable } from "../store.ts";
import { hostUrls } from "../host-list.ts";
import { secureUrlOf, tlsParts } from "./secure-url.ts";

const defaultPort = 5432;
const connectSecondsMax = 2;

/**
 * Settings that the statements need, regardless of the server's, database's or role's defaults. There are no foreign
 * keys, and the trigger (life.ts) always fires, so session_replication_role, which only a superuser may set, has no
 * effect.
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

export interface ClientOptions {
  /** Of one server. */
  readonly url: string;
  readonly connectionsMax: number;
  /** Closes connections that are idle for this long; 0 keeps them. */
  readonly idleSecondsMax: number;
  /** Called for each connection that ends or cannot be opened, with the reason. */
  onLost?(reason: Error | null): void;
}

/** Returns the database's hosts, ports and name for the log, without user and password. */
export function placeOf(text: string): string {
  const [url, ...others] = hostUrls(text);
  if (![url, ...others].every((each) => URL.canParse(each))) return "(not a URL)";
  const { host, pathname } = new URL(url);
  const socket = socketOf(url);
  if (socket !== undefined) return `${socket.folder}:${socket.port}${pathname}`;
  return `${[host, ...others.map((other) => new URL(other).host)].join(",")}${pathname}`;
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
 * A server of several may be fenced off by the setting that makes its transactions read-only. Then it is no primary, as
 * for libpq; of one server alone the setting is a default like others.
 */
export const ofSeveral = { default_transaction_read_only: undefined } as const;

/**
 * Opens a client of Bun's with these settings and the dependable ones, except those in the URL; undefined leaves one as
 * the server has it. Throws StoreUnavailable for an invalid URL, without showing it.
 */
export function openClient(options: ClientOptions, settings: Readonly<Record<string, string | undefined>>): SQL {
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
        Object.entries({ ...dependable, ...settings }).filter(
          ([setting, value]) => value !== undefined && !searchParams.has(setting),
        ),
      ),
      onclose: (reason) => options.onLost?.(reason),
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

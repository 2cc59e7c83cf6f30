// PostgreSQL's own programs for dumps, which are installed with its client. Environment variables tell them the
// database, because any user can read a command line with a password.

import { existsSync } from "node:fs";
import type { SQL } from "bun";
import { StoreUnavailable } from "../store.ts";
import { openClient, socketOf } from "./client.ts";
import { sslModeOf } from "./secure-url.ts";

type ToolName = "pg_dump" | "pg_restore" | "psql";

const variables: Readonly<Record<string, string>> = {
  sslmode: "PGSSLMODE",
  sslrootcert: "PGSSLROOTCERT",
  sslcert: "PGSSLCERT",
  sslkey: "PGSSLKEY",
};

/**
 * The variables of libpq that the tools keep: for signing in and encryption. Others, such as PGSERVICE, PGHOSTADDR and
 * PGOPTIONS, would lead to another database than the URL, and this program's own connections ignore them.
 */
const keptVariable = /^PG(PASSWORD|PASSFILE|SSL\w+|KRBSRVNAME|GSSLIB|REQUIREPEER|CHANNELBINDING)$/;

function withoutOtherPlaces(env: NodeJS.ProcessEnv): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("PG") || keptVariable.test(name)));
}

/** Where distributions keep the system's authorities: Debian and its kin, Red Hat's, Alpine and the BSDs. */
const systemBundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/cert.pem",
] as const;

/** Names the system's authorities to tools that verify; before PostgreSQL 16 they do not know the word `system`. */
function systemRoots(mode: string, searchParams: URLSearchParams): Record<string, string> {
  const root = searchParams.get("sslrootcert") ?? process.env["PGSSLROOTCERT"] ?? "system";
  const bundle = systemBundles.find((path) => existsSync(path));
  return mode.startsWith("verify-") && root === "system" && bundle !== undefined ? { PGSSLROOTCERT: bundle } : {};
}

/** Returns an environment in which a tool finds only the database of a URL. */
export function environmentOf(url: string): Record<string, string | undefined> {
  const { hostname, port, username, password, pathname, searchParams } = new URL(url);
  const options = Object.entries(variables).flatMap(([option, variable]) => {
    const value = searchParams.get(option);
    return value === null ? [] : [[variable, value] as const];
  });
  const mode = sslModeOf(new URL(url)) ?? process.env["PGSSLMODE"];
  const socket = socketOf(url);
  const given = password === "" ? socket && searchParams.get("password") : decodeURIComponent(password);
  return {
    ...withoutOtherPlaces(process.env),
    ...Object.fromEntries(options),
    ...(mode === undefined || socket !== undefined ? {} : { PGSSLMODE: mode, ...systemRoots(mode, searchParams) }),
    PGHOST: socket?.folder ?? hostname.replace(/^\[(.*)\]$/, "$1"),
    PGPORT: socket === undefined ? port || "5432" : String(socket.port),
    PGUSER: socket?.user ?? (username === "" ? process.env["PGUSER"] : decodeURIComponent(username)),
    PGPASSWORD: given ?? process.env["PGPASSWORD"],
    PGDATABASE: decodeURIComponent(pathname.slice(1)),
    PGAPPNAME: toolName,
    PGCONNECT_TIMEOUT: "10",
    // Some messages are parsed.
    LC_ALL: "C.UTF-8",
  };
}

/** The name of connections of openForLong, and of PostgreSQL's own programs, in the database's lists. */
export const toolName = "roost backup";

/** Opens a connection for long work, without the time limits of requests. */
export function openForLong(url: string): SQL {
  const options = { url, connectionsMax: 1, idleSecondsMax: 0 };
  return openClient(options, { application_name: toolName, statement_timeout: "0", lock_timeout: "0" });
}

/**
 * Returns the path of a tool that is at least as new as the server (`serverMajor`; 0 means any version). Throws
 * StoreUnavailable with the name of the package if there is none.
 */
export function toolFor(name: ToolName, serverMajor: number): string {
  const path = Bun.which(name);
  const client = serverMajor === 0 ? "postgresql-client" : `postgresql-client-${serverMajor}`;
  if (path === null)
    throw new StoreUnavailable(`${name} is not installed; on Debian and Ubuntu it is in the package ${client}`);
  const { stdout } = Bun.spawnSync([path, "--version"], { stdin: "ignore", stderr: "ignore" });
  const [, digits = "0"] = /\s(\d+)/.exec(stdout.toString()) ?? [];
  if (Number(digits) < serverMajor)
    throw new StoreUnavailable(
      `${path} is of PostgreSQL ${digits} and cannot make or read dumps of the server, PostgreSQL ${serverMajor}; ` +
        `install the package ${client}`,
    );
  return path;
}

/** Runs a tool; resolves with its output. Rejects with StoreUnavailable and the tool's message. */
export async function runTool(
  words: readonly string[],
  env: Record<string, string | undefined>,
  over: AbortSignal,
): Promise<string> {
  const child = Bun.spawn([...words], { env, stdin: "ignore", stdout: "pipe", stderr: "pipe", signal: over });
  const [out, err, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (status !== 0) throw new StoreUnavailable(complaintOf(words[0] ?? "", err, status));
  return out;
}

/** Returns what a failed tool has written, in one line. */
export function complaintOf(tool: string, err: string, status: number): string {
  const lines = err
    .trim()
    .split("\n")
    .filter((line) => line !== "");
  return lines.length === 0 ? `${tool} ended with status ${status}` : lines.slice(0, 4).join(" ");
}

export async function majorOf(sql: SQL): Promise<number> {
  const [row]: { major: number }[] = await sql`
    SELECT current_setting('server_version_num')::integer / 10000 AS major`;
  return row?.major ?? 0;
}

// PostgreSQL's own programs for dumps, which are installed with its client. They are told where the database is by their
// environment: a command line with a password would be everybody's to read.

import type { SQL } from "bun";
import { StoreUnavailable } from "../store.ts";
import { openClient, socketOf } from "./connection.ts";

type ToolName = "pg_dump" | "pg_restore" | "psql";

/** Options of a URL that have a variable of the same meaning. */
const variables: Readonly<Record<string, string>> = {
  sslmode: "PGSSLMODE",
  sslrootcert: "PGSSLROOTCERT",
  sslcert: "PGSSLCERT",
  sslkey: "PGSSLKEY",
};

/**
 * What of libpq's variables the tools are left: how to sign in and to encrypt. The others, such as PGSERVICE, PGHOSTADDR and
 * PGOPTIONS, would lead them to another database than the URL names, which this program's own connections ignore.
 */
const keptVariable = /^PG(PASSWORD|PASSFILE|SSL\w+|KRBSRVNAME|GSSLIB|REQUIREPEER|CHANNELBINDING)$/;

function withoutOtherPlaces(env: NodeJS.ProcessEnv): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("PG") || keptVariable.test(name)));
}

/** The environment in which a tool finds the database of a URL, and no other. */
export function environmentOf(url: string): Record<string, string | undefined> {
  const { hostname, port, username, password, pathname, searchParams } = new URL(url);
  const options = Object.entries(variables).flatMap(([option, variable]) => {
    const value = searchParams.get(option);
    return value === null ? [] : [[variable, value] as const];
  });
  const socket = socketOf(url);
  const given = password === "" ? socket && searchParams.get("password") : decodeURIComponent(password);
  return {
    ...withoutOtherPlaces(process.env),
    ...Object.fromEntries(options),
    PGHOST: socket?.folder ?? hostname.replace(/^\[(.*)\]$/, "$1"),
    PGPORT: socket === undefined ? port || "5432" : String(socket.port),
    PGUSER: socket?.user ?? (username === "" ? process.env["PGUSER"] : decodeURIComponent(username)),
    PGPASSWORD: given ?? process.env["PGPASSWORD"],
    PGDATABASE: decodeURIComponent(pathname.slice(1)),
    PGAPPNAME: "roost backup",
    PGCONNECT_TIMEOUT: "10",
    // Sentences that this program looks at.
    LC_ALL: "C.UTF-8",
  };
}

/** A connection for one long piece of work: without the limits of time that requests have. */
export function openForLong(url: string): SQL {
  const options = { url, connectionsMax: 1, idleSecondsMax: 0 };
  return openClient(options, { application_name: "roost backup", statement_timeout: "0", lock_timeout: "0" });
}

/**
 * The path of a tool that is at least as new as the server (`serverMajor`; 0: any version will do). Throws StoreUnavailable
 * with the name of the package if there is none.
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
      `${path} is of PostgreSQL ${digits}, and the server is PostgreSQL ${serverMajor}, whose dumps it cannot make or read; ` +
        `install the package ${client}`,
    );
  return path;
}

/** Runs a tool to its end; its output. Rejects with StoreUnavailable and the tool's own last sentence. */
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

/** What a tool wrote before it failed, on one line. */
export function complaintOf(tool: string, err: string, status: number): string {
  const lines = err
    .trim()
    .split("\n")
    .filter((line) => line !== "");
  return lines.length === 0 ? `${tool} ended with status ${status}` : lines.slice(0, 4).join(" ");
}

/** The server's major version. */
export async function majorOf(sql: SQL): Promise<number> {
  const [row]: { major: number }[] = await sql`
    SELECT current_setting('server_version_num')::integer / 10000 AS major`;
  return row?.major ?? 0;
}

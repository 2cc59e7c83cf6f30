// What a server says of itself: whether it takes writes, which cluster's it is, and who has to have its commits.

import type { SQL } from "bun";
import { ofSeveral, openClient } from "../client.ts";
import { DatabaseAway, failureOf } from "../failures.ts";
import { StoreUnavailable } from "../../store.ts";

/** A server that does not answer within this time counts as away. */
const askMsMax = 1_000;

/** Who has to have a commit before it is acknowledged, as the server's settings say. */
export interface Waiting {
  /** The setting synchronous_standby_names; empty: nobody. */
  readonly names: string;
  /** The setting synchronous_commit of this program's connections. */
  readonly commit: string;
  /** How many standbys of these are connected; 0 if the user may not see them. */
  readonly standbys: number;
  /** The user may see where standbys are: it has the rights of pg_read_all_stats. */
  readonly maySee: boolean;
  readonly user: string;
  /** Commits of this user wait for standbys, of which some may be connected, for seconds; later ones wait for them. */
  readonly isStuck: boolean;
}

export interface Serving {
  /** The identifier of the cluster that initdb made: the same on all of its standbys. */
  readonly system: string;
  /** When the server was started, in seconds since 1970; two names of one server have the same. */
  readonly started: string;
  /** It follows another one, or was told to take no writes. */
  readonly isReadOnly: boolean;
  /** Counts the promotions before it; 0 of a standby. */
  readonly timeline: number;
  /** By which the primary that it follows now knows it; undefined: it follows none, or its user may not see it. */
  readonly standbyName: string | undefined;
  readonly waiting: Waiting;
}

export interface HostAnswer {
  /** `host:port` as in the URL. */
  readonly host: string;
  /** A failure: why there is no answer. */
  readonly told: Serving | StoreUnavailable;
}

interface Row {
  readonly system: string;
  readonly started: string;
  readonly is_read_only: boolean;
  readonly timeline: bigint;
  readonly standby_name: string | null;
  readonly names: string;
  readonly commit: string;
  readonly standbys: bigint;
  readonly may_see: boolean;
  readonly user: string;
  readonly is_stuck: boolean;
}

/** The value of a parameter in a connection string without quotes. */
function nameIn(parameter: string): string {
  return `(?:^| )${parameter}=([^ ']+)`;
}

/** No right is needed: every user may read the control file, and names of segments show the timeline. */
async function look(sql: SQL): Promise<Serving> {
  const [row]: Row[] = await sql`
    SELECT (SELECT system_identifier::text FROM pg_control_system()) AS system,
      extract(epoch FROM pg_postmaster_start_time())::text AS started,
      pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS is_read_only,
      CASE WHEN pg_is_in_recovery() THEN 0
        ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint END AS timeline,
      (SELECT coalesce(substring(conninfo FROM ${nameIn("application_name")}),
        substring(conninfo FROM ${nameIn("fallback_application_name")})) FROM pg_stat_wal_receiver) AS standby_name,
      current_setting('synchronous_standby_names') AS names, current_setting('synchronous_commit') AS commit,
      (SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')) AS standbys,
      pg_has_role('pg_read_all_stats', 'USAGE') AS may_see, current_user::text AS user,
      EXISTS (SELECT FROM pg_stat_activity WHERE usename = current_user AND wait_event = 'SyncRep'
        AND query_start < now() - interval '3 seconds') AS is_stuck`;
  if (row === undefined) throw new StoreUnavailable("the server does not report its state");
  const { names, commit, user, is_stuck: isStuck } = row;
  return {
    system: row.system,
    started: row.started,
    isReadOnly: row.is_read_only,
    timeline: Number(row.timeline),
    standbyName: row.standby_name ?? undefined,
    waiting: { names, commit, standbys: Number(row.standbys), maySee: row.may_see, user, isStuck },
  };
}

/** Rejects with DatabaseAway unless a server answers within a time. */
export async function within<T>(msMax: number, what: string, asked: Promise<T>): Promise<T> {
  const expiry = Promise.withResolvers<never>();
  const timer = setTimeout(() => expiry.reject(new DatabaseAway(`${what} within ${msMax} ms`)), msMax);
  try {
    return await Promise.race([asked, expiry.promise]);
  } finally {
    clearTimeout(timer);
  }
}

export interface AskedHost {
  readonly url: string;
  readonly answer: HostAnswer;
  /** On which it has answered, and the caller's to close; undefined without an answer. */
  readonly client: SQL | undefined;
}

/** Asks the server at a URL, on a connection to it if there is one; never rejects but for a bug. */
export async function askHost(url: string, open?: SQL): Promise<AskedHost> {
  const host = new URL(url).host;
  let client = open;
  try {
    const settings = { statement_timeout: `${askMsMax}`, ...ofSeveral };
    client ??= openClient({ url, connectionsMax: 1, idleSecondsMax: 0 }, settings);
    const told = await within(askMsMax, "no answer", look(client));
    return { url, answer: { host, told }, client };
  } catch (error) {
    void client?.close({ timeout: 0 });
    const failure = failureOf(error);
    if (!(failure instanceof StoreUnavailable)) throw failure;
    return { url, answer: { host, told: failure }, client: undefined };
  }
}

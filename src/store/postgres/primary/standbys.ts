// What operators are told of several servers: which one is the primary, who has to have its commits, and how far behind
// the standbys are.

import type { SQL } from "bun";
import { hostUrls } from "../../host-list.ts";
import { StoreUnavailable } from "../../store.ts";
import type { StandbyLag, StoreReplication } from "../../store-replication.ts";
import { failureOf } from "../failures.ts";
import { standbysAhead } from "./ahead.ts";
import { choosePrimary } from "./choose.ts";
import { askHost, within } from "./host-answer.ts";
import { quorumFault } from "./quorum.ts";

/** A server that has answered before, and says nothing for this long, counts as away. */
const lookMsMax = 2_500;
/** A primary may have others than those of the store: backups, copies for reports. */
const standbysMax = 16;

interface StandbyRow {
  readonly name: string;
  readonly sync_state: string | null;
  readonly bytes: bigint | null;
  readonly lag_ms: number | null;
}

/** What was found when the standbys were last looked at, for whoever asks between two looks. */
export class StandbyWatch {
  /** As in StoreReplication. */
  seen: Pick<StoreReplication, "standbys" | "lags"> = { standbys: "not looked at yet", lags: undefined };

  /** Looks at the standbys of the primary; `run` as Connections'. Rejects with bugs only. */
  async look(
    run: (look: (sql: SQL) => Promise<readonly StandbyRow[]>) => Promise<readonly StandbyRow[]>,
  ): Promise<void> {
    try {
      const rows = await run(lookAtStandbys);
      this.seen = { standbys: sentenceOf(rows), lags: rows.map(lagOf) };
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      this.seen = { standbys: error.message, lags: undefined };
    }
  }
}

/** Rejects with the database's error. */
async function lookAtStandbys(sql: SQL): Promise<readonly StandbyRow[]> {
  const rows: StandbyRow[] = await sql`
    SELECT application_name AS name, sync_state, (extract(epoch FROM flush_lag) * 1000)::float8 AS lag_ms,
      pg_wal_lsn_diff(pg_current_wal_flush_lsn(), flush_lsn)::bigint AS bytes
    FROM pg_stat_replication ORDER BY application_name, pid LIMIT ${standbysMax}`;
  return rows;
}

function sentenceOf(rows: readonly StandbyRow[]): string {
  return rows.length === 0 ? "none is connected" : rows.map(standbyOf).join("; ");
}

function standbyOf({ name, sync_state: state, bytes, lag_ms: lagMs }: StandbyRow): string {
  if (state === null) return `${name}: not to be seen without GRANT pg_read_all_stats`;
  const lag = lagMs === null ? "" : `, ${Math.ceil(lagMs)} ms`;
  return `${name}: ${state}, ${bytes ?? "all"} bytes behind${lag}`;
}

function lagOf({ name, bytes, lag_ms: ms }: StandbyRow): StandbyLag {
  return { name, bytes: bytes === null ? undefined : Number(bytes), ms: ms ?? undefined };
}

/** What is found by asking all servers of a URL. */
interface HostsLook {
  /** The URL of the primary. */
  readonly url: string;
  /** Which one it is, and its standbys. */
  readonly sentence: string;
  /** What deserves a correction, though a store may be used. */
  readonly warnings: readonly string[];
  /** Why a store is not used without --store-async. */
  readonly fault: string | undefined;
}

/**
 * Asks all servers of a URL, and changes nothing. Rejects with StoreUnavailable if none is the primary, or more than
 * one, or if the primary stops answering. `ask`: asks one of them.
 */
export async function lookAtHosts(url: string, ask = askHost): Promise<HostsLook> {
  const asked = await Promise.all(hostUrls(url).map((each) => ask(each)));
  try {
    const answers = asked.map(({ answer }) => answer);
    const { host, told, warning } = choosePrimary(answers, undefined);
    const one = asked.find(({ answer }) => answer.host === host);
    if (one?.client === undefined) throw new StoreUnavailable(`${host}: the connection is lost`);
    const silence = `${host}, the primary, gave no answer`;
    const standbys = sentenceOf(await within(lookMsMax, silence, lookAtStandbys(one.client)));
    const ahead = await standbysAhead(
      { host, client: one.client, timeline: told.timeline },
      asked.flatMap(({ answer, client }) =>
        client === undefined || answer.told instanceof StoreUnavailable || !answer.told.isReadOnly
          ? []
          : [{ host: answer.host, client }],
      ),
    );
    const { names, commit } = told.waiting;
    const waiting = names === "" ? "wait for no standby" : `wait for standbys (${names}; synchronous_commit ${commit})`;
    return {
      url: one.url,
      sentence: `${host} is the primary, on timeline ${told.timeline}; its commits ${waiting}; standbys: ${standbys}`,
      warnings: [...(warning === undefined ? [] : [warning]), ...ahead],
      fault: quorumFault(told.waiting),
    };
  } catch (error) {
    throw failureOf(error);
  } finally {
    for (const { client } of asked) void client?.close({ timeout: 0 });
  }
}

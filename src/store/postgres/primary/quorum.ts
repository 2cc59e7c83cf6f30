// Whether commits are held by enough standbys. PostgreSQL's own answer is not proof: when somebody cancels a commit
// that waits for standbys (pg_cancel_backend), the server answers success, with a warning that Bun's client drops. So a
// write is followed by a look at where the standbys are, on the same connection. The write is a part of what this
// server's own disk has of the write-ahead log by then.

import type { SQL } from "bun";
import { DatabaseAway } from "../failures.ts";
import { StoreUnavailable } from "../../store.ts";
import type { Waiting } from "./host-answer.ts";

/** How long standbys may take for what they mostly have already. */
const holdMsMax = 2_000;
const pauseMs = 2;

interface HeldRow {
  readonly lsn: string;
  readonly names: string;
  readonly held: bigint;
}

/** Returns how many standbys have to have a commit, by synchronous_standby_names; 0: none. */
export function standbysNeeded(names: string): number {
  if (names.trim() === "") return 0;
  const [, count = "1"] = /^\s*(?:(?:any|first)\s+)?(\d+)\s*\(/i.exec(names) ?? [];
  return Number(count);
}

/** Describes why a commit may be lost with its primary, and what would be right; undefined if a quorum has it. */
export function quorumFault({ names, commit, maySee, user }: Waiting): string | undefined {
  if (standbysNeeded(names) === 0)
    return "synchronous_standby_names is empty: what is acknowledged is lost with the primary; set it to ANY 1 (a, b)";
  if (commit === "off" || commit === "local")
    return `synchronous_commit is ${commit}: commits wait for no standby; set it to on`;
  if (!maySee)
    return `the user ${user} may not see whether standbys have what was committed; GRANT pg_read_all_stats TO ${user}`;
  return undefined;
}

const standbysHave = (sql: SQL, lsn: string | null): Promise<HeldRow[]> => sql`
  SELECT w.lsn::text AS lsn, current_setting('synchronous_standby_names') AS names, (
    SELECT count(*) FROM pg_stat_replication r
    WHERE r.sync_state IN ('sync', 'quorum') AND r.flush_lsn >= w.lsn) AS held
  FROM (SELECT coalesce(${lsn}::text::pg_lsn, pg_current_wal_flush_lsn()) AS lsn OFFSET 0) w`;

/**
 * Resolves once enough standbys have on their disks what was committed on this connection.
 * @throws DatabaseAway if they do not have it in time: it is unknown whether it lasts
 */
export async function confirmHeld(sql: SQL): Promise<void> {
  const endMs = performance.now() + holdMsMax;
  for (let lsn: string | null = null; ;) {
    const [row]: HeldRow[] = await standbysHave(sql, lsn);
    if (row === undefined) throw new StoreUnavailable("the database does not report its standbys");
    const needed = standbysNeeded(row.names);
    if (needed > 0 && row.held >= needed) return;
    if (needed === 0)
      throw new DatabaseAway("synchronous_standby_names is empty: no standby has to have what is committed");
    if (performance.now() >= endMs)
      throw new DatabaseAway(`only ${row.held} of ${needed} standbys have what was committed`);
    ({ lsn } = row);
    await Bun.sleep(pauseMs);
  }
}

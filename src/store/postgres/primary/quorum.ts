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

/** The last id that was committed under the number of a node, in an epoch of the store (life.ts). */
export interface NodeRow {
  readonly number: number;
  readonly lastId: bigint;
  readonly epoch: string;
}

interface HeldRow {
  readonly lsn: string;
  readonly names: string;
  readonly held: bigint;
}

/** Null: the holder has no number. */
interface HeldNodeRow extends HeldRow {
  readonly number: number | null;
  readonly last_id: bigint | null;
  readonly epoch: string | null;
}

/** Returns how many standbys have to have a commit, by synchronous_standby_names; 0: none. */
export function standbysNeeded(names: string): number {
  if (names.trim() === "") return 0;
  const [, count = "1"] = /^\s*(?:(?:any|first)\s+)?(\d+)\s*\(/i.exec(names) ?? [];
  return Number(count);
}

/**
 * Reports whether a commit that is held on a server with these names proves that another one acknowledges nothing. All
 * servers but these two have to hold it then: they follow this server, so the other one, which waits for one standby at
 * least, has none. `hosts`: how many are listed; the names may have others. `own`: the server's own name, if it is
 * known, under which it follows others; the setting that all servers share has it, too.
 */
export function excludesOthers(names: string, hosts: number, own: string | undefined): boolean {
  const list = names.replace(/^\s*(?:(?:any|first)\s+)?\d+\s*\(/i, "");
  const members = Array.from(list.matchAll(/"((?:[^"]|"")*)"|[^\s,()"]+/g), ([member, quoted]) =>
    (quoted?.replaceAll('""', '"') ?? member).toLowerCase(),
  );
  // Whatever servers there are.
  if (members.includes("*")) return false;
  const others = members.filter((member) => member !== own?.toLowerCase());
  return standbysNeeded(names) >= Math.max(1, hosts - 2, others.length + 1 - 2);
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

/** `lsn`: where the write-ahead log was at the first look; null: this is it. */
async function lookAtStandbys(sql: SQL, lsn: string | null): Promise<HeldRow | undefined> {
  const [row]: HeldRow[] = await sql`
    SELECT w.lsn::text AS lsn, current_setting('synchronous_standby_names') AS names, (
      SELECT count(*) FROM pg_stat_replication r
      WHERE r.sync_state IN ('sync', 'quorum') AND r.flush_lsn >= w.lsn) AS held
    FROM (SELECT coalesce(${lsn}::text::pg_lsn, pg_current_wal_flush_lsn()) AS lsn OFFSET 0) w`;
  return row;
}

/** The same in a store, with what a node has committed last. */
async function lookAtStore(sql: SQL, lsn: string | null, holder: string): Promise<HeldNodeRow | undefined> {
  const [row]: HeldNodeRow[] = await sql`
    SELECT w.lsn::text AS lsn, current_setting('synchronous_standby_names') AS names, (
      SELECT count(*) FROM pg_stat_replication r
      WHERE r.sync_state IN ('sync', 'quorum') AND r.flush_lsn >= w.lsn) AS held,
      l.number, l.last_id, (SELECT split_part(i.epoch, '-', 1) FROM roost.identity i) AS epoch
    FROM (SELECT coalesce(${lsn}::text::pg_lsn, pg_current_wal_flush_lsn()) AS lsn OFFSET 0) w
    LEFT JOIN roost.node n ON n.holder = ${holder}
    LEFT JOIN roost.node_last l ON l.number = n.number`;
  return row;
}

/**
 * Repeats a look until enough standbys have on their disks what was committed before the first one, which it returns:
 * later ones may show what only this server has. `isAsync`: no standby has to.
 * @throws DatabaseAway if they do not have it in time: it is unknown whether it lasts
 */
async function untilHeld<Row extends HeldRow>(
  look: (lsn: string | null) => Promise<Row | undefined>,
  isAsync: boolean,
): Promise<Row> {
  const endMs = performance.now() + holdMsMax;
  for (let first: Row | undefined; ;) {
    const row: Row | undefined = await look(first?.lsn ?? null);
    if (row === undefined) throw new StoreUnavailable("the database does not report its standbys");
    first ??= row;
    const needed = standbysNeeded(row.names);
    if (isAsync || (needed > 0 && row.held >= needed)) return first;
    if (needed === 0)
      throw new DatabaseAway("synchronous_standby_names is empty: no standby has to have what is committed");
    if (performance.now() >= endMs)
      throw new DatabaseAway(`only ${row.held} of ${needed} standbys have what was committed`);
    await Bun.sleep(pauseMs);
  }
}

/** Resolves once enough standbys have what was committed on this connection. Rejects as untilHeld. */
export async function confirmHeld(sql: SQL): Promise<void> {
  await untilHeld((lsn) => lookAtStandbys(sql, lsn), false);
}

/** The same in a store, with what a node has committed last; undefined if it has no number. Rejects as untilHeld. */
export async function confirmOf(sql: SQL, holder: string, isAsync: boolean): Promise<NodeRow | undefined> {
  const { number, last_id: lastId, epoch } = await untilHeld((lsn) => lookAtStore(sql, lsn, holder), isAsync);
  return number === null || lastId === null || epoch === null ? undefined : { number, lastId, epoch };
}

// A tool's commit that waits for standbys, which may be gone: PostgreSQL has no limit for that. However much a restore
// writes, its standbys receive it bit by bit; only when they receive nothing more for a while is the wait over. Its
// server may be lost meanwhile, too: then nobody knows whether the next primary has it.

import type { SQL } from "bun";
import { StoreUnavailable } from "../../store.ts";
import { placeOf } from "../client.ts";
import { failureOf, Unheld } from "../failures.ts";
import { toolName } from "../tools.ts";
import { whileAnswering } from "../while-answering.ts";
import { standbysNeeded } from "./quorum.ts";

/** A commit is not waited for when so many looks in a row find that its standbys have received nothing. */
const stillMax = 6;

interface WaitRow {
  readonly is_waiting: boolean;
  readonly names: string;
  /** How far the synchronous standbys are, the first one first; null: the user may not see it. */
  readonly held: readonly (string | null)[];
}

/** Says whether a commit was sent, and has not been refused. */
export type TellSent = (isSent: boolean) => void;

/**
 * Resolves or rejects as `work` does, which runs on connections of `openForLong` or in PostgreSQL's own programs, and
 * says when it has sent its commit. Rejects with DatabaseAway if its server answers nobody before that; with Unheld if
 * the standbys that have to have the commit receive nothing, or if anything fails behind it.
 */
export async function whileHeld<T>(url: string, work: (tellSent: TellSent) => Promise<T>): Promise<T> {
  let isSent = false;
  let heldBefore: string | null | undefined;
  let still = 0;
  const look = async (sql: SQL): Promise<void> => {
    const [row]: WaitRow[] = await sql`
      SELECT EXISTS (SELECT FROM pg_stat_activity
          WHERE datname = current_database() AND usename = current_user
            AND application_name = ${toolName} AND wait_event = 'SyncRep') AS is_waiting,
        current_setting('synchronous_standby_names') AS names,
        ARRAY(SELECT flush_lsn::text FROM pg_stat_replication
          WHERE sync_state IS NULL OR sync_state IN ('sync', 'quorum') ORDER BY flush_lsn DESC NULLS LAST) AS held`;
    if (row === undefined) return;
    const { names } = row;
    // The standby that would be the last one to be waited for; undefined: too few are connected.
    const held = row.held[standbysNeeded(names) - 1];
    const isStill = row.is_waiting && (held === undefined || (held !== null && held === heldBefore));
    heldBefore = held;
    still = isStill ? still + 1 : 0;
    if (still === stillMax)
      throw new Unheld(
        `${placeOf(url)} has written it, but its standbys (${names}) have stopped receiving; it holds once they are ` +
          "back: look then what the store holds",
      );
  };
  const tellSent: TellSent = (is) => {
    isSent = is;
  };
  try {
    return await whileAnswering(url, work(tellSent), look);
  } catch (error) {
    const failure = failureOf(error);
    if (!isSent || failure instanceof Unheld || !(failure instanceof StoreUnavailable)) throw failure;
    throw new Unheld(`${placeOf(url)}: whether it lasts is unknown (${failure.message}); look what the store holds`, {
      cause: failure,
    });
  }
}

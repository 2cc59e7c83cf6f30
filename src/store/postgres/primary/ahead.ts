// Standbys that have commits of a store which its primary lacks: whoever promoted by hand took one that was behind.
// Nodes that have acknowledged such commits refuse that primary (acknowledged.ts), but those that were restarted since
// then do not know of them. For operators, before they start nodes: it may also never have been acknowledged.

import type { SQL } from "bun";
import { timeOfId } from "../../snowflake.ts";
import { StoreUnavailable } from "../../store.ts";
import { failureOf } from "../failures.ts";
import { within } from "./host-answer.ts";

/** A server, and a connection to the store's database on it. */
interface Asked {
  readonly host: string;
  readonly client: SQL;
}

/** By number of a node, the last id that it has committed, in an epoch of the store (life.ts). */
interface NodeRows {
  readonly epoch: string;
  readonly lastIds: ReadonlyMap<number, bigint>;
}

/** A server that has answered before, and says nothing for this long, counts as away. */
const rowsMsMax = 2_500;

/** Undefined if there is no store yet, or one of an earlier version. Rejects with the database's error. */
async function rowsOf(sql: SQL): Promise<NodeRows | undefined> {
  const [there]: { is_there: boolean }[] = await sql`SELECT to_regclass('roost.node_last') IS NOT NULL AS is_there`;
  if (there?.is_there !== true) return undefined;
  const rows: { epoch: string; number: number; last_id: bigint }[] = await sql`
    SELECT split_part(i.epoch, '-', 1) AS epoch, l.number, l.last_id
    FROM roost.identity i, roost.node_last l WHERE l.last_id > 0 ORDER BY l.number`;
  const [first] = rows;
  return first && { epoch: first.epoch, lastIds: new Map(rows.map((row) => [row.number, row.last_id])) };
}

/** Whether a server receives the log of a primary of this timeline. Rejects with the database's error. */
async function isFollowing(sql: SQL, timeline: number): Promise<boolean> {
  const [row]: { is_following: boolean }[] = await sql`
    SELECT EXISTS (
      SELECT FROM pg_stat_wal_receiver r WHERE r.status = 'streaming' AND r.received_tli = ${timeline}::integer
    ) AS is_following`;
  return row?.is_following === true;
}

/** What a standby has by the log of another primary; undefined: it has none such. A failure: why it is unknown. */
async function rowsBeside(timeline: number, { client }: Asked): Promise<NodeRows | StoreUnavailable | undefined> {
  const look = async (): Promise<NodeRows | undefined> =>
    (await isFollowing(client, timeline)) ? undefined : await rowsOf(client);
  try {
    return await within(rowsMsMax, "no answer", look());
  } catch (error) {
    const failure = failureOf(error);
    if (!(failure instanceof StoreUnavailable)) throw failure;
    return failure;
  }
}

/**
 * Says of each standby that has what the primary lacks up to when it has it. Standbys of another epoch are left out:
 * their loss was accepted. So are those that follow the primary: what they show before it does, it holds back until
 * other standbys have it. Says, too, which one has stopped answering. Rejects with the primary's error.
 */
export async function standbysAhead(
  primary: Asked & { readonly timeline: number },
  standbys: readonly Asked[],
): Promise<readonly string[]> {
  const found = await Promise.all(
    standbys.map(async (standby) => ({ host: standby.host, rows: await rowsBeside(primary.timeline, standby) })),
  );
  // After the standbys: what one of its own has by then, it has, too.
  const own = await within(rowsMsMax, `${primary.host}, the primary, gave no answer`, rowsOf(primary.client));
  return found.flatMap(({ host, rows }) => {
    if (rows instanceof StoreUnavailable)
      return [`${host}, a standby, does not say whether it has what ${primary.host} lacks: ${rows.message}`];
    if (rows === undefined || rows.epoch !== own?.epoch) return [];
    const ahead = [...rows.lastIds].find(([number, lastId]) => lastId > (own.lastIds.get(number) ?? 0n));
    if (ahead === undefined) return [];
    const [number, lastId] = ahead;
    return [
      `${host}, a standby, has messages that ${primary.host} lacks (of node number ${number}, up to ${lastId}, ` +
        `${new Date(timeOfId(lastId)).toISOString()}): make it the primary, unless nobody was told of them`,
    ];
  });
}

// Whether a primary has what a node has acknowledged. Each commit leaves its last id in the row of its node number
// (roost.node_last), and the node, which alone writes that row, remembers what it has read there behind each of its
// commits. A primary whose row is below that was made of a server that lacks acknowledged commits: a standby that was
// behind, or a history that was cut. The store's last id proves nothing: ids follow the clock, and other nodes write,
// too.
//
// A restore changes the epoch of the store (life.ts), and with it what may be expected.

import type { SQL } from "bun";
import { timeOfId } from "../../snowflake.ts";
import { StoreUnavailable } from "../../store.ts";
import type { Primary } from "./primary.ts";
import { confirmOf, type NodeRow } from "./quorum.ts";

/** Acknowledged commits are gone; the message is a sentence. */
class LostCommits extends StoreUnavailable {}

interface PresentRow {
  readonly epoch: string;
  readonly last_id: bigint | null;
}

export class Acknowledged {
  private readonly holder: string;
  private readonly primary: Primary;
  private last: NodeRow | undefined;

  /** `holder`: of the node's lease. */
  constructor(holder: string, primary: Primary) {
    this.holder = holder;
    this.primary = primary;
  }

  /**
   * Resolves once enough standbys have what was written on a connection before. Rejects with StoreUnavailable if they
   * do not have it in time, or if the server lacks what was acknowledged.
   */
  async confirm(sql: SQL): Promise<void> {
    const { last } = this;
    const row = await confirmOf(sql, this.holder, this.primary.isAsync);
    if (row === undefined) return;
    if (row.number === last?.number) this.compare(last, row.epoch, row.lastId);
    // Of two at a time, the one that has looked later may be held first.
    const other = this.last;
    if (other?.number !== row.number || other.epoch !== row.epoch || other.lastId < row.lastId) this.last = row;
  }

  /** Rejects with StoreUnavailable if the server lacks what was acknowledged; before anything is written to it. */
  async refuseLoss(sql: SQL): Promise<void> {
    const { last } = this;
    if (last === undefined) return;
    const [row]: PresentRow[] = await sql`
      SELECT split_part(i.epoch, '-', 1) AS epoch,
        (SELECT l.last_id FROM roost.node_last l WHERE l.number = ${last.number}) AS last_id
      FROM roost.identity i`;
    if (row !== undefined) this.compare(last, row.epoch, row.last_id ?? 0n);
  }

  /** `last`: from before the look that has found this. */
  private compare(last: NodeRow, epoch: string, present: bigint): void {
    const { primary } = this;
    if (epoch === last.epoch && present >= last.lastId) return;
    if (epoch === last.epoch) {
      const sentence =
        `the database lacks messages that were acknowledged: under node number ${last.number} up to ${last.lastId} ` +
        `(${timeOf(last.lastId)}), and it has those up to ${present} (${timeOf(present)})`;
      if (!primary.isAsync)
        throw new LostCommits(
          `${sentence}. Make a server that has them the primary; or accept the loss: roost restore --accept-loss`,
        );
      primary.log.error("Messages that were acknowledged are lost.", { reason: sentence });
    }
    this.last = undefined;
  }
}

function timeOf(id: bigint): string {
  return id === 0n ? "none" : new Date(timeOfId(id)).toISOString();
}

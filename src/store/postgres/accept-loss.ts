// Accepts what a database has, after a failover to a server that lacks what nodes have acknowledged: a new epoch makes
// them forget it (primary/acknowledged.ts), drop their caches and go on. Nodes may run meanwhile.

import type { StoreFacts } from "../store-facts.ts";
import { StoreUnavailable } from "../store.ts";
import { placeOf } from "./client.ts";
import { readFacts } from "./facts.ts";
import { requireCurrent } from "./migrate.ts";
import { findToolPlace } from "./primary/tool-place.ts";
import { type TellSent, whileHeld } from "./primary/while-held.ts";
import { openForLong } from "./tools.ts";

/**
 * Changes the epoch of the store in a database; returns what it holds. Rejects with StoreUnavailable: with Unheld if it
 * is changed on one server only, or perhaps.
 */
export async function acceptLoss(hosts: string, isAsync = false): Promise<StoreFacts> {
  const { url, confirm } = await findToolPlace(hosts, isAsync);
  await requireCurrent(url);
  const client = openForLong(url);
  const work = async (tellSent: TellSent): Promise<StoreFacts> => {
    await client.begin(async (sql) => {
      await sql`SELECT FROM roost.sequence FOR UPDATE`;
      const changed = await sql`
        UPDATE roost.identity SET epoch = replace(gen_random_uuid()::text, '-', '') RETURNING epoch`;
      if (changed.length !== 1) throw new StoreUnavailable(`the store ${placeOf(url)} has lost its identity`);
      tellSent(true);
    });
    await confirm?.(client);
    return await readFacts(client);
  };
  try {
    return await whileHeld(url, work);
  } finally {
    await client.close({ timeout: 0 });
  }
}

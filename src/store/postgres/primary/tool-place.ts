// The server that an operator's tool reads or writes. What a tool says is done, a failover must not undo, as little as
// what a node has acknowledged: a key that was revoked would let in again.

import type { SQL } from "bun";
import { silentLog } from "../../../base/log.ts";
import { hostUrls } from "../../host-list.ts";
import { DatabaseAway, Unheld } from "../failures.ts";
import { Primary } from "./primary.ts";
import { confirmHeld } from "./quorum.ts";

export interface ToolPlace {
  /** Of one server. */
  readonly url: string;
  /**
   * Resolves once enough standbys have what was committed on a connection before. Rejects with Unheld. Undefined: no
   * standby has to have it.
   */
  readonly confirm: ((sql: SQL) => Promise<void>) | undefined;
}

/**
 * Finds the primary of the hosts in a URL; the server itself if it names one. Rejects with StoreUnavailable, also where
 * commits wait for no standby, unless `isAsync` says that a failover may undo what the tool writes.
 */
export async function findToolPlace(hosts: string, isAsync: boolean): Promise<ToolPlace> {
  const [first, ...others] = hostUrls(hosts);
  if (others.length === 0) return { url: first, confirm: undefined };
  const { url, host } = await new Primary({ url: hosts, isAsync, log: silentLog }).find();
  const confirm = (sql: SQL): Promise<void> =>
    confirmHeld(sql).catch((error: unknown) => {
      if (!(error instanceof DatabaseAway)) throw error;
      throw new Unheld(`${host} has done it, but ${error.message}: a failover may undo it; do it again`, {
        cause: error,
      });
    });
  return { url, confirm: isAsync ? undefined : confirm };
}

/**
 * Returns the URL of the primary of the hosts in a URL, for a tool that only reads: that URL itself if it names one
 * host. Rejects with StoreUnavailable.
 */
export async function primaryUrl(hosts: string): Promise<string> {
  return (await findToolPlace(hosts, true)).url;
}

// A PostgreSQL that fails over, of the bench's own, with an empty database; its commits wait for the disk, and for so
// many standbys. The CPU of all three servers is among `others_cpu` of results.

import { PatroniCluster } from "../../scripts/harness/patroni/cluster.ts";
import type { Standbys } from "../../scripts/harness/patroni/config.ts";
import { atEnd } from "./lifetime.ts";

/** Starts it, works on it, ends it. */
export async function onPatroni<T>(standbys: Standbys, work: (patroni: PatroniCluster) => Promise<T>): Promise<T> {
  const patroni = await PatroniCluster.start({ standbys, isDurable: true });
  const forget = atEnd(() => patroni.kill());
  try {
    return await work(patroni);
  } finally {
    await patroni.stop();
    forget();
  }
}

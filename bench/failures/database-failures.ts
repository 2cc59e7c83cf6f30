// What may happen to the primary of a PostgreSQL that fails over, and how it is whole again.

import type { PatroniCluster } from "../../scripts/harness/patroni/cluster.ts";
import type { PatroniMember } from "../../scripts/harness/patroni/member.ts";

/** How long a frozen machine hangs: longer than it may be silent as the primary. */
const frozenMsMin = 26_000;
const frozenMsMax = 32_000;

interface DatabaseFailure {
  readonly name: string;
  /** How long clients may be without a Success, and are meant to be: Patroni waits 20 s for a silent primary. */
  readonly stallSecondsMax: number;
  readonly stallSecondsAim: number;
  readonly happen: (primary: PatroniMember, patroni: PatroniCluster) => Promise<void>;
}

export const databaseFailures: readonly DatabaseFailure[] = [
  { name: "machine killed", stallSecondsMax: 25, stallSecondsAim: 23, happen: (primary) => primary.kill() },
  { name: "postmaster killed", stallSecondsMax: 25, stallSecondsAim: 5, happen: (primary) => primary.killPostmaster() },
  {
    name: "primary frozen",
    stallSecondsMax: 25,
    stallSecondsAim: 23,
    async happen(primary) {
      await primary.freeze();
      await Bun.sleep(frozenMsMin + Math.random() * (frozenMsMax - frozenMsMin));
      primary.wake();
    },
  },
  { name: "switchover", stallSecondsMax: 6, stallSecondsAim: 4, happen: (_, patroni) => patroni.switchover() },
];

/** Lets one happen, and waits until another primary serves; mends it, and waits until the standbys follow again. */
export async function failDatabase(patroni: PatroniCluster, { happen }: DatabaseFailure): Promise<void> {
  const primary = await patroni.primaryOtherThan();
  await happen(primary, patroni);
  await patroni.primaryOtherThan(primary);
  // A machine that was killed comes back; whatever else has failed is started by Patroni.
  primary.start();
  await patroni.ready();
}

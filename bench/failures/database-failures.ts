// What may happen to the primary of a PostgreSQL that fails over, and how it is whole again.

import type { PatroniCluster } from "../../scripts/harness/patroni/cluster.ts";

/** How long a frozen machine hangs: longer than it may be silent as the primary. */
const frozenMsMin = 26_000;
const frozenMsMax = 32_000;

interface DatabaseFailure {
  readonly name: string;
  /** How long clients may be without a Success, and are meant to be: Patroni waits 20 s for a silent primary. */
  readonly stallSecondsMax: number;
  readonly stallSecondsAim: number;
  /** Resolves when another primary serves, and how to mend what failed. */
  readonly happen: (patroni: PatroniCluster) => Promise<() => void>;
}

const nothing = (): void => undefined;

export const databaseFailures: readonly DatabaseFailure[] = [
  {
    name: "machine killed",
    stallSecondsMax: 25,
    stallSecondsAim: 23,
    async happen(patroni) {
      const primary = await patroni.primaryOtherThan();
      await primary.kill();
      await patroni.primaryOtherThan(primary);
      return () => primary.start();
    },
  },
  {
    name: "postmaster killed",
    stallSecondsMax: 25,
    stallSecondsAim: 5,
    async happen(patroni) {
      const primary = await patroni.primaryOtherThan();
      await primary.killPostmaster();
      await patroni.primaryOtherThan(primary);
      return nothing;
    },
  },
  {
    name: "primary frozen",
    stallSecondsMax: 25,
    stallSecondsAim: 23,
    async happen(patroni) {
      const primary = await patroni.primaryOtherThan();
      primary.freeze();
      await Bun.sleep(frozenMsMin + Math.random() * (frozenMsMax - frozenMsMin));
      primary.wake();
      await patroni.primaryOtherThan(primary);
      return nothing;
    },
  },
  {
    name: "switchover",
    stallSecondsMax: 6,
    stallSecondsAim: 4,
    async happen(patroni) {
      await patroni.switchover();
      return nothing;
    },
  },
];

/** Lets one happen, mends it, and waits until the standbys follow again. */
export async function failDatabase(patroni: PatroniCluster, { happen }: DatabaseFailure): Promise<void> {
  const mend = await happen(patroni);
  mend();
  await patroni.ready();
}

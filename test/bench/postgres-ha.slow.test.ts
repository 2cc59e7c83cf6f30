// The scenario of a PostgreSQL that fails over, in little.

import { expect, test } from "bun:test";
import { patroniMissing } from "../../scripts/harness/patroni/programs.ts";
import { msMax, trial } from "./sound-run.ts";

test(
  "postgres-ha: standbys hold what is talked, and a switchover loses nothing, or the bench says why not",
  async () => {
    const results = await trial("postgres-ha");
    const skipped = await patroniMissing();
    if (skipped !== undefined) {
      expect(results).toMatchObject([{ skipped, sent: null, per_second: null }]);
      return;
    }
    const [closed, open, failure] = results.filter(({ node = null }) => node === null);
    expect(closed).toMatchObject({ scenario: "postgres-ha", store: "postgres", standbys: 1, lost: 0 });
    expect(closed?.["delivered"]).toBe(closed?.["sent"] ?? -1);
    expect(open).toMatchObject({ scenario: "postgres-ha-open", standbys: 1, window: null });
    expect(failure).toMatchObject({ scenario: "postgres-ha-failures", failure: "switchover", kills: 1, lost: 0 });
    expect(failure?.["acknowledged"]).toBeGreaterThan(0);
  },
  2 * msMax,
);

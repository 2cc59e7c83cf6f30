// PostgreSQL fails under stores that are at work: an administrator ends connections, all or one, or the server at once,
// as `pg_ctl stop -m immediate` does, or the machine loses it.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { SQL } from "bun";
import fc from "fast-check";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { Random, testSeed } from "../support/random.ts";
import { runWithFaults } from "./conversation-faults.ts";
import { allCommands } from "./conversation-run.ts";
import { postgresPlace } from "./postgres-place.ts";

const faults = 8;

describe.skipIf(!hasPostgres)("PostgreSQL", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start({ isDurable: true });
  }, 180_000);
  afterAll(() => server.stop());

  /** Ends one of the connections to a database, if there is one. */
  async function endOne(url: string, random: Random): Promise<void> {
    const sql = new SQL(url, { max: 1 });
    try {
      await sql`
        SELECT pg_terminate_backend(pid) FROM (
          SELECT pid, row_number() OVER (ORDER BY pid) AS place, count(*) OVER () AS count FROM pg_stat_activity
          WHERE datname = current_database() AND application_name = 'roost'
        ) a WHERE place = 1 + ${random.u32()}::bigint % count`;
    } finally {
      await sql.close({ timeout: 0 });
    }
  }

  test("what was answered is there after any failure of the database, what was not wholly or not at all", async () => {
    const seed = testSeed("faults of PostgreSQL");
    const place = await postgresPlace(server);
    const drawn = fc.sample(allCommands, { seed: seed | 0, numRuns: 5_000 });
    let next = 0;
    const figures = await runWithFaults({
      place,
      random: new Random(seed),
      faults,
      commandsMax: 60,
      commandOf: () => drawn[next++ % drawn.length] ?? { kind: "talk", seed: 0 },
      fail: async (random) => {
        switch (random.below(4)) {
          case 0:
            return endOne(place.address, random);
          case 1:
            return server.endConnections(place.address);
          case 2:
            await server.kill("SIGQUIT");
            return server.run();
          default:
            await server.kill("SIGKILL");
            return server.run();
        }
      },
    });
    console.log(JSON.stringify(figures));
    expect(figures.kills).toBe(faults);
    expect(figures.unanswered).toBeGreaterThan(0);
    expect(await place.check?.()).toEqual([]);
  }, 240_000);
});

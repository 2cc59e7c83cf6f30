// PostgreSQL on a machine whose clock is set while it serves: the server's own, not a stand-in for it.

import { expect, test } from "bun:test";
import { SQL } from "bun";
import { silentLog } from "../../src/base/log.ts";
import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.ts";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { dayMs, hourMs, isSteppedClockMissing, SteppedClock } from "../support/stepped-clock.ts";
import { until } from "../../scripts/harness/until.ts";
import { stored, talk } from "./samples.ts";

test.skipIf(!hasPostgres || isSteppedClockMissing)(
  "a server whose clock is set while stores write and purge: all is stored once, in order, and nothing is deleted",
  async () => {
    const clock = new SteppedClock();
    const server = await PostgresServer.start({ variables: clock.variables() });
    const url = await server.makeDatabase();
    const sql = new SQL(url, { max: 1, bigint: true });
    const options = { url, retentionDays: 1, log: silentLog };
    const writing = await openPostgresStore(options);
    const ids: bigint[] = [];
    try {
      for (const aheadMs of [0, 30 * dayMs, 0, -365 * dayMs, 365 * dayMs, hourMs, 0]) {
        clock.stepTo(aheadMs);
        // A start, which looks at the clock and purges at once, and is gone before the clock is set again.
        const [row]: { turn: bigint }[] = await sql`SELECT turn FROM roost.look`;
        const starting = await openPostgresStore(options);
        for (const store of [writing, starting, writing]) {
          const before = clock.nowMs();
          const message = stored((await store.append([talk()]))[0]);
          ids.push(message.messageId);
          expect(Number(message.sendTime / 1_000_000n)).toBeWithin(Math.floor(before) - 5, clock.nowMs() + 5);
          expect(store.isHealthy).toBe(true);
        }
        await until(async () => {
          const [now]: { turn: bigint }[] = await sql`SELECT turn FROM roost.look`;
          return (now?.turn ?? 0n) > (row?.turn ?? 0n);
        }, "the clock is looked at");
        await starting.close();
      }
      expect(ids).toEqual([...new Set(ids)].toSorted((a, b) => (a < b ? -1 : 1)));
      const query = { app: "app", account: "bob", device: "", after: 0n, includeSent: false, limit: 2_000 };
      expect((await writing.index(query)).map(({ messageId }) => messageId)).toEqual(ids);
    } finally {
      await writing.close();
      await sql.close({ timeout: 0 });
      await server.stop();
      clock.remove();
    }
  },
  120_000,
);

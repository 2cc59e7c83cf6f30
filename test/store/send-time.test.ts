// The times of sending against the machine's own clock, to the nanosecond, in both engines.

import { Database } from "bun:sqlite";
import { SQL } from "bun";
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../src/base/log.ts";
import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { realNs } from "../support/real-clock.ts";
import { stored, talk } from "./samples.ts";

interface Place {
  open(): Promise<Store>;
  /** Runs a statement beside the stores that are open. */
  run(statement: string): Promise<unknown>;
}

const endings: (() => unknown)[] = [];
afterAll(async () => {
  for (const end of endings.toReversed()) await end();
});

const engines = {
  SQLite: async (): Promise<Place> => {
    const folder = mkdtempSync(join(tmpdir(), "roost-send-time-"));
    endings.push(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, "messages.db");
    return {
      open: () => openSqliteStore({ path, retentionDays: 15, log: silentLog }),
      run: async (statement) => {
        const db = new Database(path);
        db.run("PRAGMA busy_timeout = 5000");
        db.run(statement);
        db.close();
      },
    };
  },
  PostgreSQL: async (): Promise<Place> => {
    const server = await PostgresServer.start();
    endings.push(() => server.stop());
    const url = await server.makeDatabase();
    const sql = new SQL(url, { max: 1 });
    endings.push(() => sql.close({ timeout: 0 }));
    return {
      open: () => openPostgresStore({ url, retentionDays: 15, log: silentLog }),
      run: (statement) => sql.unsafe(`SET search_path = roost; ${statement}`),
    };
  },
};

for (const [engine, makePlace] of Object.entries(engines)) {
  describe.skipIf(engine === "PostgreSQL" && !hasPostgres)(engine, () => {
    test("a message is dated between its arrival at the store and the answer, by any process", async () => {
      const place = await makePlace();
      const stores = [await place.open(), await place.open()];
      const times: bigint[] = [];
      for (let round = 0; round < 60; round++) {
        for (const store of stores) {
          const givenNs = realNs();
          const outcomes = (await store.append([talk(), talk(), talk()])).map(stored);
          const answeredNs = realNs();
          for (const { sendTime } of outcomes) {
            expect(sendTime).toBeGreaterThan(givenNs);
            // The first reading of the clock may have been interrupted.
            expect(sendTime).toBeLessThan(answeredNs + 1_000_000n);
            times.push(sendTime);
          }
        }
      }
      expect(times).toEqual([...new Set(times)].toSorted((a, b) => (a < b ? -1 : 1)));
      expect(times.some((time) => time % 1_000_000n > 1_000n)).toBe(true);
      for (const store of stores) await store.close();
    }, 60_000);

    test("times in whole milliseconds, as earlier releases wrote them, stay, and what follows is later", async () => {
      const place = await makePlace();
      let store = await place.open();
      const first = stored((await store.append([talk({ clientId: "k" })]))[0]);
      await store.close();
      const wholeNs = (first.sendTime / 1_000_000n) * 1_000_000n;
      await place.run(`UPDATE message SET sent_ns = ${wholeNs}`);
      store = await place.open();
      const [again, next] = (await store.append([talk({ clientId: "k" }), talk()])).map(stored);
      expect(again).toMatchObject({ messageId: first.messageId, sendTime: wholeNs, repeated: true });
      expect(next?.sendTime).toBeGreaterThan(first.sendTime);
      const entries = await store.index({
        app: "app",
        account: "bob",
        device: "",
        after: 0n,
        includeSent: false,
        limit: 10,
      });
      expect(entries.map(({ sendTime }) => sendTime)).toEqual([wholeNs, next?.sendTime ?? 0n]);
      await store.close();
    }, 60_000);
  });
}

// The retention and webhooks, on a machine whose clocks the test moves: what an endpoint was not told stays for seven
// days; what is deleted then is counted.

import { SQL } from "bun";
import { Database } from "bun:sqlite";
import { afterAll, describe, expect, test } from "bun:test";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { silentLog } from "../../src/base/log.ts";
import { migrate } from "../../src/store/postgres/migrate.ts";
import { day, hour, Machine, removeMachines } from "./clock-machine.ts";
import { postgresForAll } from "./postgres-setup.ts";

afterAll(removeMachines);

/** Sets an endpoint in the file that has been told everything up to now. */
function hook(machine: Machine, events: string): void {
  const [last] = read<{ last_id: bigint }>(machine, "SELECT last_id FROM sequence");
  const id = last?.last_id ?? 0n;
  machine.sql(`INSERT INTO hook VALUES (${id}, ${id}, 'app', 'crm', 'u', 's', '${events}', 0, ${id}, ${id}, 0)`);
}

function read<Row>(machine: Machine, sql: string): Row[] {
  using db = new Database(machine.path, { safeIntegers: true });
  return db.query<Row, []>(sql).all();
}

const lostOf = (machine: Machine): bigint | undefined =>
  read<{ lost: bigint }>(machine, "SELECT lost FROM hook")[0]?.lost;

test("what a webhook was not told stays for seven days, and is counted when it is deleted", () => {
  const machine = new Machine();
  machine.keepMs = 2 * day;
  machine.say();
  hook(machine, "message.stored");
  const untold = [machine.say(), machine.say(), machine.say()];
  machine.run(5 * day);
  expect(machine.kept()).toEqual(untold);
  expect(lostOf(machine)).toBe(0n);
  machine.run(3 * day + 12 * hour);
  expect(machine.kept()).toEqual([]);
  expect(lostOf(machine)).toBe(3n);
  machine.process.die();
});

test("what it was told goes when the retention says, and a webhook that is told nothing keeps nothing", () => {
  for (const events of ["message.stored", "account.online,before.send"]) {
    const machine = new Machine();
    machine.keepMs = 2 * day;
    hook(machine, events);
    const last = [machine.say(), machine.say()].at(-1) ?? 0n;
    machine.run(hour);
    if (events === "message.stored") machine.sql(`UPDATE hook SET told = ${last}`);
    machine.run(4 * day);
    expect([events, machine.kept(), lostOf(machine)]).toEqual([events, [], 0n]);
    machine.process.die();
  }
});

describe.skipIf(!hasPostgres)("on PostgreSQL", () => {
  const server = postgresForAll();

  test("what a webhook was not told stays for seven days, and is counted by the slice that deletes it", async () => {
    const url = await server().makeDatabase();
    await migrate(url, silentLog);
    const sql = new SQL(url, { max: 1, bigint: true });
    const now = Date.now();
    const keepMs = 2 * day;
    await sql`INSERT INTO roost.account (app, name) VALUES ('app', 'ann'), ('app', 'bob')`;
    await sql`INSERT INTO roost.message (id, inbox, sender, sent_ns, type, body, extra)
      SELECT id, 2, 1, 0, 1, '', '' FROM generate_series(10, 14) AS t (id)`;
    await sql`INSERT INTO roost.hook (id, version, told, undelivered, fail_open, app, name, url, secret, events)
      VALUES (1, 1, 11, 1, false, 'app', 'crm', 'u', 's', 'message.stored')`;
    await sql`INSERT INTO roost.horizon VALUES ('messages', ${now - keepMs}, ${keepMs}, ${now}, 0, false, ${now})`;
    await sql`UPDATE roost.look SET ran_ms = ${9 * day}`;
    const purged = async (markedMs: number): Promise<unknown> => {
      await sql`DELETE FROM roost.mark`;
      await sql`INSERT INTO roost.mark VALUES (14, ${markedMs}, 0)`;
      await sql`SELECT roost.purge_slice(0, 1000, null)`;
      const messages: { id: bigint }[] = await sql`SELECT id FROM roost.message ORDER BY id`;
      const [counted]: { lost: bigint }[] = await sql`SELECT lost FROM roost.hook`;
      return [messages.map(({ id }) => Number(id)), Number(counted?.lost)];
    };
    try {
      expect(await purged(now - 3 * day)).toEqual([[12, 13, 14], 0]);
      expect(await purged(now - 8 * day)).toEqual([[], 3]);
    } finally {
      await sql.close({ timeout: 0 });
    }
  });

  test("without webhooks, or with one that is told nothing, the purge takes all", async () => {
    const url = await server().makeDatabase();
    await migrate(url, silentLog);
    const sql = new SQL(url, { max: 1, bigint: true });
    const now = Date.now();
    try {
      await sql`INSERT INTO roost.account (app, name) VALUES ('app', 'ann')`;
      await sql`INSERT INTO roost.horizon VALUES ('messages', ${now - day}, ${day}, ${now}, 0, false, ${now})`;
      await sql`UPDATE roost.look SET ran_ms = ${9 * day}`;
      for (const events of [undefined, "account.online"]) {
        await sql`INSERT INTO roost.message (id, inbox, sender, sent_ns, type, body, extra)
          VALUES (10, 1, 1, 0, 1, '', '')`;
        await sql`DELETE FROM roost.mark`;
        await sql`INSERT INTO roost.mark VALUES (14, ${now - 3 * day}, 0)`;
        if (events !== undefined)
          await sql`INSERT INTO roost.hook (id, version, told, undelivered, fail_open, app, name, url, secret, events)
            VALUES (1, 1, 1, 1, false, 'app', 'crm', 'u', 's', ${events})`;
        await sql`SELECT roost.purge_slice(0, 1000, null)`;
        expect(await sql`SELECT id FROM roost.message`).toHaveLength(0);
      }
    } finally {
      await sql.close({ timeout: 0 });
    }
  });
});

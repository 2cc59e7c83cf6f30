// roost purge on PostgreSQL, the compiled binary beside a store that is in use.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { SQL } from "bun";
import { createLog } from "../../src/base/log.ts";
import { horizonDayMs as dayMs } from "../../src/store/horizon.ts";
import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.ts";
import { stored, talk } from "../store/samples.ts";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { run } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";

let server: PostgresServer;
beforeAll(async () => {
  if (hasPostgres) server = await PostgresServer.start();
}, 60_000);
afterAll(async () => {
  if (hasPostgres) await server.stop();
});

const purge = (...words: string[]) => run(["purge", ...words], tmpdir());

test.skipIf(!hasPostgres)(
  "a retention that was mistyped deletes nothing; roost purge tells it, and with --now it deletes beside the server",
  async () => {
    const url = await server.makeDatabase();
    const sql = new SQL(url, { max: 1, bigint: true });
    const lines: string[] = [];
    const options = { url, log: createLog("info", "text", (line) => lines.push(line)) };
    const first = await openPostgresStore({ ...options, retentionDays: 100 });
    for (let count = 0; count < 40; count++) await first.append([talk()]);
    await until(async () => (await sql`SELECT FROM roost.horizon`).count === 2, "the clock is looked at");
    await first.close();
    // As if it had run for 40 days with those messages.
    await sql`INSERT INTO roost.mark SELECT max(id), ${Date.now() - 39 * dayMs}, ${-39 * dayMs} FROM roost.message`;

    const second = await openPostgresStore({ ...options, retentionDays: 1 });
    await until(() => lines.some((line) => line.includes("not deleted for now")), "it tells that it waits");
    expect(lines.join("")).toMatch(/ messages="?40"? notBefore="/);
    const survey = await purge("--store", url);
    expect(survey).toMatchObject({ status: 0, err: "" });
    expect(survey.out).toMatch(/^Messages are kept for 1 day\. .*\n40 messages are older\. .* at the earliest/);
    expect((await purge("--store", url, "--retention", "100d")).out).toContain("No message is older.");
    expect(await sql`SELECT FROM roost.message`).toHaveLength(40);
    const purged = await purge("--store", url, "--now");
    expect(purged).toMatchObject({ status: 0, err: "", out: expect.stringContaining("\n40 messages deleted.\n") });
    const { messageId } = stored((await second.append([talk()]))[0]);
    expect(await sql`SELECT id FROM roost.message`.values()).toEqual([[messageId]]);
    await second.close();
    await sql.close();
  },
  60_000,
);

test.skipIf(!hasPostgres)(
  "roost purge says what is wrong with a database, and never the password",
  async () => {
    const url = await server.makeDatabase();
    const empty = await purge("--store", url.replace("postgres@", "postgres:hush-hush@"), "--retention", "1d", "--now");
    expect(empty).toMatchObject({ status: 1, out: "" });
    expect(empty.err).toMatch(/^roost: there is no message store in 127\.0\.0\.1:\d+\/store_\d+; name the right one/);
    const sql = new SQL(url, { max: 1 });
    expect(await sql`SELECT FROM pg_namespace WHERE nspname = 'roost'`).toHaveLength(0);
    await sql.close();
    const away = await purge("--store", "postgres://nobody:hush-hush@127.0.0.1:1/x", "--retention", "1d");
    expect(away).toMatchObject({ status: 1, out: "" });
    expect(away.err).toMatch(/^roost: the message store 127\.0\.0\.1:1\/x cannot be opened: .*REFUSED/);
    expect(empty.err + away.err).not.toContain("hush");
  },
  60_000,
);

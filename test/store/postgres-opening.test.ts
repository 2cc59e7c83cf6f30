// A store on PostgreSQL is opened by several processes at once, waits for its database, and refuses another program's.

import { describe, expect, test } from "bun:test";
import { createLog, silentLog } from "../../src/base/log.ts";
import { migrate, versionIn } from "../../src/store/postgres/migrate.ts";
import { schemaVersion } from "../../src/store/postgres/schema.ts";
import { nodeOfId } from "../../src/store/snowflake.ts";
import type { Store, TalkOutcome } from "../../src/store/store.ts";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../../scripts/harness/until.ts";
import { stored, talk } from "./samples.ts";
import { failureOf } from "./failure-of.ts";
import { allIds } from "../support/contents.ts";
import { databaseForEach, postgresForAll } from "./postgres-setup.ts";

const idOf = (outcomes: readonly TalkOutcome[]): bigint => stored(outcomes[0]).messageId;

describe.skipIf(!hasPostgres)("opening a PostgreSQL store", () => {
  const server = postgresForAll();
  const db = databaseForEach(server);
  const { open } = db;

  test("several processes that open an empty database at once make one schema", async () => {
    const stores = await Promise.all(Array.from({ length: 4 }, () => open()));
    expect(await db.sql`SELECT number FROM roost.migration`.values()).toEqual(
      Array.from({ length: schemaVersion }, (_, index) => [index + 1]),
    );
    const nodes = await Promise.all(stores.map(async (store) => nodeOfId(idOf(await store.append([talk()])))));
    expect(new Set(nodes)).toEqual(new Set([0, 1, 2, 3]));
  });

  test("a process that looks while another one makes the schema does not take it for another program's", async () => {
    let looks = 0;
    // The schema is made after the first statement of the look.
    const slow = new Proxy(db.sql, {
      async apply(target, self, words) {
        const rows: unknown = await Reflect.apply(target, self, words);
        if (looks++ === 0) await migrate(db.url, silentLog);
        return rows;
      },
    });
    expect(await versionIn(slow, "here")).toBeUndefined();
    expect(await versionIn(db.sql, "here")).toBe(schemaVersion);
  });

  /** The URL of a role that may have this many connections, and owns the database. */
  const limitedUrl = async (connections: number): Promise<string> => {
    const role = `few_${new URL(db.url).pathname.slice(1)}`;
    await db.sql.unsafe(`CREATE ROLE ${role} LOGIN CONNECTION LIMIT ${connections}`);
    await db.sql.unsafe(`ALTER DATABASE ${new URL(db.url).pathname.slice(1)} OWNER TO ${role}`);
    return db.url.replace("//postgres@", `//${role}@`);
  };
  const readTimes = (store: Store, times: number): Promise<bigint[][]> =>
    Promise.all(Array.from({ length: times }, () => allIds(store, "bob")));

  test("every read waits for a connection that there is when the database has one for each process", async () => {
    const limited = await limitedUrl(2);
    const lines: string[] = [];
    const log = createLog("warn", "text", (line) => lines.push(line));
    // The first one looks at nothing once it is open: that would take the connection that the second one needs.
    const time = new ManualTimers();
    const first = await open({ url: limited, log, time });
    // A connection that was closed while a store opened counts until its process has ended.
    await until(() => {
      if (!first.isHealthy) time.advance(1_000);
      return first.isHealthy;
    }, "the first store is open");
    const stores = [first, await open({ url: limited, log })];
    for (const store of stores) await until(() => store.isHealthy, "the store is open");
    const id = idOf((await stores[0]?.append([talk()])) ?? []);
    for (const store of stores) {
      expect(await readTimes(store, 100)).toEqual(Array.from({ length: 100 }, () => [id]));
      expect(store.isHealthy).toBe(true);
    }
    expect(lines.filter((line) => line.includes("no connection left for reads"))).toHaveLength(2);
  });

  test("a process whose readers hold the database's last connections gives one up for its writer", async () => {
    const store = await open({ url: await limitedUrl(4) });
    await store.append([talk()]);
    await readTimes(store, 100);
    // The writer's connection is lost, and there is no more room for another one.
    const role = `few_${new URL(db.url).pathname.slice(1)}`;
    const sent: { pid: number }[] = await db.sql`SELECT pid FROM pg_stat_activity
      WHERE usename = ${role} AND query LIKE '%store_talks%'`;
    await db.sql.begin(async (tx) => {
      await tx.unsafe(`ALTER ROLE ${role} CONNECTION LIMIT 3`);
      for (const { pid } of sent) await tx`SELECT pg_terminate_backend(${pid})`;
    });
    await until(async () => (await store.append([talk()])).length === 1, "talks are stored again");
    expect(sent).toHaveLength(1);
  });

  test("refuses a newer schema with a sentence that says what to do", async () => {
    await (await open()).close();
    await db.sql`INSERT INTO roost.migration (number) VALUES (${schemaVersion + 1})`;
    expect(await failureOf(open())).toMatch(
      new RegExp(
        `has schema ${schemaVersion + 1}, and this program knows schemas up to ${schemaVersion}; start the newer`,
      ),
    );
  });

  test("refuses another program's schema, and an encoding that does not hold all text", async () => {
    await db.sql`CREATE SCHEMA roost`;
    await db.sql`CREATE TABLE roost.thing (a integer)`;
    expect(await failureOf(open())).toMatch(/schema roost is another program's/);
    const ascii = await server().makeDatabase("ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0");
    expect(await failureOf(open({ url: ascii }))).toMatch(/encoding is SQL_ASCII; create the database with ENCODING/);
  });

  test("uses a schema that was made for it, without the right to make one", async () => {
    await db.sql.unsafe(`
      DROP ROLE IF EXISTS messenger; CREATE ROLE messenger LOGIN;
      CREATE SCHEMA roost AUTHORIZATION messenger;`);
    const store = await open({ url: db.url.replace("postgres@", "messenger@") });
    expect((await store.append([talk()]))[0]?.result).toBe("stored");
  });

  test("tells why it cannot be opened, where, and never the password", async () => {
    const lines: string[] = [];
    const log = createLog("debug", "json", (line) => lines.push(line));
    const nobody = "postgres://nobody:hush-hush@";
    for (const [wrong, reason] of [
      [db.url.replace("postgres://postgres@", nobody), /role "nobody" does not exist/],
      [`${db.url}_unknown`, /The message store 127\.0\.0\.1:\d+\/store_\d+_unknown cannot be opened: .*does not exist/],
      [`${nobody}127.0.0.1:no/roost`, /not of the form postgres:/],
      [`mysql://nobody:hush-hush@127.0.0.1/roost`, /not of the form postgres:/],
      [`${db.url}?sslmode=whatever`, /URL is invalid: .*sslmode/],
      // The server has no TLS: the option of the URL counts.
      [`${db.url}?sslmode=require`, /TLS/],
    ] as const) {
      const sentence = await failureOf(open({ url: wrong, log }));
      expect(sentence).toMatch(reason);
      lines.push(sentence);
    }
    expect(lines.join("")).not.toContain("hush");
  });

  test("a database that is away is waited for, and nothing is taken for stored until it is there", async () => {
    const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const at = (port: number): string => db.url.replace(/:\d+\//, `:${port}/`);
    const lines: string[] = [];
    const log = createLog("info", "text", (line) => lines.push(line));
    for (const port of [silent.port, 1]) {
      const store = await open({ url: at(port), log });
      expect(store.isHealthy).toBe(false);
      expect(await failureOf(store.append([talk()]))).toMatch(/REFUSED|FAILED|TIMEOUT|gave no answer/);
      expect(await failureOf(allIds(store, "bob"))).not.toBe("nothing failed");
    }
    silent.stop(true);
    expect(lines.filter((line) => line.includes("The message store is unavailable"))).toHaveLength(2);
  });

  test("a database that turns out to be another program's once it is there is reported as such", async () => {
    await db.sql`CREATE SCHEMA roost`;
    await db.sql`CREATE TABLE roost.thing (a integer)`;
    const gate = await TcpProxy.start(server().port);
    gate.isShut = true;
    const refusals: string[] = [];
    const through = db.url.replace(/:\d+\//, `:${gate.port}/`);
    const store = await open({ url: through, refused: (sentence) => void refusals.push(sentence) });
    expect(store.isHealthy).toBe(false);
    gate.isShut = false;
    await until(() => refusals.length > 0, "it is refused");
    expect(refusals[0]).toMatch(/cannot be opened: its schema roost is another program's/);
    gate.stop();
  });

  test("a database that comes only after the start is opened, and stores", async () => {
    const gate = await TcpProxy.start(server().port);
    gate.isShut = true;
    const store = await open({ url: db.url.replace(/:\d+\//, `:${gate.port}/`) });
    gate.isShut = false;
    await until(() => store.isHealthy, "the store is opened");
    const id = idOf(await store.append([talk()]));
    expect(await allIds(store, "bob")).toEqual([id]);
    gate.stop();
  });
});

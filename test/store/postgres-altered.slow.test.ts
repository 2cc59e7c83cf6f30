// What a process remembers of a database does not outlive that database: people change its tables by hand, drop them
// or put another server in its place under running stores. What is no such change leaves the stores as they are.

import { describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { StoreUnavailable } from "../../src/store/store.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../../scripts/harness/until.ts";
import { canDump, dumpOf, play, watchedStores } from "./postgres-dumps.ts";
import { expectHers, idsOf, say, shownTo } from "./replaced-store.ts";
import { draft, talk } from "./samples.ts";
import { contentsOf } from "../support/contents.ts";
import { databaseForEach, postgresForAll } from "./postgres-setup.ts";

describe.skipIf(!canDump)("a PostgreSQL store that is altered or exchanged", () => {
  const server = postgresForAll();
  const db = databaseForEach(server);
  const { life } = db;
  const { open, lines, warned } = watchedStores(db);

  test("an account that is deleted by hand gets a new number, and its messages", async () => {
    const store = await open();
    await say(store, { sender: "ann", dest: "carol", body: "lost" });
    await db.sql`DELETE FROM roost.account WHERE name = 'carol'`;
    await expectHers(store, await open());
    expect(warned()).toHaveLength(1);
  });

  test("accounts that are truncated, with their numbers from 1 again, are noticed", async () => {
    const store = await open();
    await say(store, { sender: "ann", dest: "carol", body: "lost" });
    await db.sql`TRUNCATE roost.account, roost.message, roost.cursor, roost.member RESTART IDENTITY`;
    const other = await open();
    await say(other, { sender: "mia", dest: "mallory" });
    await expectHers(store, other);
  });

  test("an account that is renamed by hand is noticed", async () => {
    const store = await open();
    await say(store, { sender: "ann", dest: "carol", body: "lost" });
    await db.sql`UPDATE roost.account SET name = 'mallory' WHERE name = 'carol'`;
    await expectHers(store, store);
  });

  test("triggers that are switched off for a session do not hide a deletion", async () => {
    const store = await open();
    await say(store, { sender: "ann", dest: "carol", body: "lost" });
    await db.sql.begin(async (transaction) => {
      await transaction`SET LOCAL session_replication_role = replica`;
      await transaction`DELETE FROM roost.account WHERE name = 'carol'`;
    });
    await expectHers(store, await open());
  });

  test("another server behind the same address, which lacks the last commits, is another store", async () => {
    const proxy = await TcpProxy.start(server().port);
    const through = db.url.replace(/:\d+\//, `:${proxy.port}/`);
    const store = await open(through);
    await say(store, { sender: "ann", dest: "bob" });
    let replacements = 0;
    store.watchReplacement(() => replacements++);
    const clone = await server().clone();
    try {
      await say(store, { sender: "ann", dest: "carol", body: "lost" });
      const other = await open(clone.url(new URL(db.url).pathname.slice(1)));
      // What was cached before numbers were given is not on the disk.
      const [row]: { number: bigint }[] = await db.sql`SELECT number FROM roost.account WHERE name = 'carol'`;
      const elsewhere = new SQL(clone.url(new URL(db.url).pathname.slice(1)), { max: 1 });
      await elsewhere`SELECT setval('roost.account_number_seq', ${row?.number ?? 0n}, false)`;
      await elsewhere.close();
      await say(other, { sender: "ann", dest: "mallory" });
      proxy.switchTo(clone.port);
      await expectHers(store, other);
      expect(replacements).toBe(1);
    } finally {
      for (const each of db.opened) await each.close();
      proxy.stop();
      await clone.stop();
    }
  }, 60_000);

  test("reads that reach another server than the writer are refused", async () => {
    const proxy = await TcpProxy.start(server().port);
    await (await open()).close();
    const clone = await server().clone();
    try {
      const store = await open(db.url.replace(/:\d+\//, `:${proxy.port}/`));
      const id = await say(store, { sender: "ann", dest: "bob" });
      // The writer's connection stays where it is; the readers' are made from now on.
      proxy.sendNewTo(clone.port);
      for (const read of [
        () => idsOf(store, "bob"),
        () => idsOf(store, "nobody"),
        () => contentsOf(store, "app", "bob", [id]),
        () => contentsOf(store, "app", "nobody", [id]),
        () => store.membership("app", "none"),
        () => store.groupDetail("app", "none", "bob"),
      ])
        expect(await read().then(String, (error: unknown) => error)).toBeInstanceOf(StoreUnavailable);
      await say(store, { sender: "ann", dest: "bob" });
    } finally {
      for (const each of db.opened) await each.close();
      proxy.stop();
      await clone.stop();
    }
  }, 60_000);

  test("a schema that was dropped under a running node is not made anew by it", async () => {
    const store = await open();
    await say(store, { sender: "ann", dest: "bob" });
    const dump = await dumpOf(db.url);
    await db.sql.unsafe("DROP SCHEMA roost CASCADE");
    await until(async () => {
      const failed = await store.append([talk()]).then(
        () => false,
        (error: unknown) => error instanceof StoreUnavailable,
      );
      return failed && !store.isHealthy;
    }, "talks are refused");
    await Bun.sleep(1_500);
    expect(await db.sql`SELECT FROM pg_namespace WHERE nspname = 'roost'`).toHaveLength(0);
    expect(store.trouble).toMatch(/no message store is in .*any more/);
    await play(db.url, dump);
    await until(() => store.isHealthy, "the store serves again");
    await expectHers(store, store);
  });

  test("accounts without their trigger are refused, and a start makes it again", async () => {
    const store = await open();
    await say(store, { sender: "ann", dest: "bob" });
    await db.sql.unsafe("DROP TRIGGER changed_by_hand ON roost.account");
    await until(async () => {
      await store.append([talk()]).catch(() => undefined);
      return !store.isHealthy;
    }, "talks are refused");
    expect(store.trouble).toMatch(/trigger/);
    const other = await open();
    await expectHers(other, other);
    await until(() => store.isHealthy, "the store serves again");
  });

  test("work, upkeep and the end of connections leave the life of a store as it is", async () => {
    const first = await open();
    const before = await life();
    expect(before).not.toBe("");
    await first.createGroup(draft({ members: ["bob", "carol"] }));
    await first.quit({ app: "app", group: "g1", actor: "bob", account: "bob" });
    const id = await say(first, { sender: "ann", dest: "bob", clientId: "k" });
    await first.acknowledge("app", "bob", "", id);
    await until(
      async () => (await db.sql`SELECT FROM roost.look WHERE turn > 0`).count === 1,
      "the clock is looked at",
    );
    await db.sql`SELECT roost.renew('former')`;
    await db.sql`SELECT roost.delete_slice(0, ${id - 1n}, 10)`;
    await db.sql.unsafe("VACUUM (FREEZE, ANALYZE)");
    await db.sql.unsafe("VACUUM FULL roost.identity");
    await db.sql.unsafe("REINDEX SCHEMA roost");
    await (await open()).close();
    await db.sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()`;
    await say(first, { sender: "ann", dest: "bob" });
    expect(await life()).toBe(before);
    expect(lines().filter((line) => line.includes("replaced"))).toEqual([]);
  });

  test("a restart of the database is no replacement in the log, and service returns by itself", async () => {
    const store = await open();
    const ids = [await say(store, { sender: "ann", dest: "bob" })];
    await server().kill();
    await server().run();
    ids.push(await say(store, { sender: "ann", dest: "bob" }));
    expect(await shownTo(store, "bob")).toEqual(ids);
    expect(warned()).toEqual([]);
  }, 60_000);

  test("a look that was read from the store before is not saved into the one that follows", async () => {
    const store = await open();
    await until(
      async () => (await db.sql`SELECT FROM roost.look WHERE turn > 0`).count === 1,
      "the clock is looked at",
    );
    const before = await life();
    await store.close();
    await db.sql`UPDATE roost.identity SET epoch = 'another'`;
    const [look]: { turn: bigint }[] = await db.sql`SELECT turn FROM roost.look`;
    const turn = look?.turn ?? 0n;
    const save = (of: string) =>
      db.sql`SELECT roost.save_look(${turn}, 0, 0, 0, 0, '[]'::json, '[]'::json, ${of})`.then(() => "saved", String);
    expect(await save(before)).toMatch(/another store/);
    expect(await save(await life())).toBe("saved");
    for (const call of [
      db.sql`SELECT roost.purge_slice(0, 10, ${before})`,
      db.sql`SELECT roost.delete_slice(0, 1, 10, ${before})`,
    ])
      expect(await call.then(() => "done", String)).toMatch(/another store/);
  });
});

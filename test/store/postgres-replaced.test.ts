// What a process remembers of a database (the numbers of accounts, positions, plans) does not outlive that database:
// dumps, deletions by hand and other servers take its place under running stores. Account numbers decide who reads a
// message.

import { beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import { createLog } from "../../src/base/log.ts";
import { GroupAudience } from "../../src/roles/chat/group-audience.ts";
import { MemorySessions } from "../../src/session/memory-sessions.ts";
import { StoreUnavailable, type Store } from "../../src/store/store.ts";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../../scripts/harness/until.ts";
import { expectHers, idsOf, say, shownTo } from "./replaced-store.ts";
import { draft, stored, talk } from "./samples.ts";
import { contentsOf } from "../support/contents.ts";
import { databaseForEach, postgresForAll } from "./postgres-setup.ts";

const env = { ...process.env, PGCONNECT_TIMEOUT: "5" };

/** A dump as text for psql. */
async function dumpOf(url: string, ...words: string[]): Promise<string> {
  const child = Bun.spawn(["pg_dump", "--no-owner", ...words, url], { env, stdout: "pipe", stderr: "inherit" });
  const text = await new Response(child.stdout).text();
  expect(await child.exited).toBe(0);
  return text;
}

/** Plays a script, each statement by itself as psql does; the first failure ends it. */
async function play(url: string, script: string): Promise<void> {
  const child = Bun.spawn(["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-", url], {
    env,
    stdin: new Blob([`SET client_min_messages = warning; ${script}`]),
    stdout: "ignore",
    stderr: "inherit",
  });
  expect(await child.exited).toBe(0);
}

const tables =
  "account, chat_group, cursor, horizon, identity, look, mark, member, message, migration, node, owner, sequence"
    .split(", ")
    .map((name) => `roost.${name}`);
const isRunnable = hasPostgres && Bun.which("pg_dump") !== null && Bun.which("psql") !== null;

describe.skipIf(!isRunnable)("a PostgreSQL store that is replaced", () => {
  const server = postgresForAll();
  const db = databaseForEach(server);
  const { life } = db;
  /** What the stores have logged, warnings and errors. */
  let lines: string[];
  beforeEach(() => {
    lines = [];
  });

  const open = (at = db.url): Promise<Store> =>
    db.open({ url: at, log: createLog("warn", "text", (line) => lines.push(line)) });
  const warned = (): string[] => lines.filter((line) => line.includes("was replaced"));

  test("a dump restored under running nodes gives no message to another account", async () => {
    const stores = [await open(), await open()] as const;
    await say(stores[0], { sender: "ann", dest: "bob" });
    const dump = await dumpOf(db.url, "--clean", "--if-exists");
    for (const store of stores) await say(store, { sender: "ann", dest: "carol", body: "lost" });
    await play(db.url, dump);
    const other = await open();
    await say(other, { sender: "ann", dest: "mallory" });
    for (const store of stores) await say(store, { sender: "ann", dest: "bob" });
    await expectHers(stores[0], other);
    const [, second] = stores;
    const id = await say(second, { dest: "carol", body: "by the other node" });
    expect(await shownTo(other, "mallory")).not.toContain(id);
    expect(await shownTo(other, "carol")).toContain(id);
    expect(warned()).toHaveLength(2);
    expect(lines.filter((line) => !line.includes("was replaced"))).toEqual([]);
  });

  test("a restore beside talks and questions loses none that is answered after it, and confuses nobody", async () => {
    const store = await open();
    await say(store, { sender: "ann", dest: "bob" });
    const dump = await dumpOf(db.url, "--clean", "--if-exists");
    for (let count = 0; count < 20; count++) await say(store, { sender: "ann", dest: `late-${count}` });
    const end = new AbortController();
    const names = Array.from({ length: 20 }, (_, count) => `late-${count}`);
    let restored = Infinity;
    let told = 0;
    const after = new Map<string, bigint[]>(names.map((name) => [name, []]));
    const speakers = names.map(async (dest) => {
      while (!end.signal.aborted) {
        const startMs = performance.now();
        try {
          const { messageId } = stored((await store.append([talk({ sender: `to-${dest}`, dest, body: dest })]))[0]);
          told++;
          if (startMs > restored) after.get(dest)?.push(messageId);
        } catch (error) {
          if (!(error instanceof StoreUnavailable)) throw error;
          await Bun.sleep(5);
        }
      }
    });
    const askers = names.map(async (account) => {
      while (!end.signal.aborted) {
        const query = { app: "app", account, device: "", after: 1n, includeSent: false, limit: 2_000 };
        try {
          const senders = new Set((await store.index(query)).map(({ otherAccount }) => otherAccount));
          senders.delete("ann");
          senders.delete(`to-${account}`);
          expect([...senders]).toEqual([]);
        } catch (error) {
          if (!(error instanceof StoreUnavailable)) throw error;
        }
        await Bun.sleep(2);
      }
    });
    await until(() => told > 100, "talks are stored");
    await play(db.url, dump);
    restored = performance.now();
    const heard = told;
    await until(() => told > heard + 200, "talks are stored again");
    end.abort();
    await Promise.all([...speakers, ...askers]);
    for (const [name, ids] of after) {
      const held = new Set(await shownTo(store, name));
      expect(ids.filter((id) => !held.has(id))).toEqual([]);
    }
    const strangers = await db.sql`
      SELECT m.body, a.name FROM roost.message m JOIN roost.account a ON a.number = m.inbox
      WHERE m.body LIKE 'late-%' AND m.body <> a.name`.values();
    expect(strangers).toHaveLength(0);
  }, 60_000);

  test("data that are restored into the emptied tables bring the epoch back, and are noticed", async () => {
    const store = await open();
    await say(store, { sender: "ann", dest: "bob" });
    const data = await dumpOf(db.url, "--data-only");
    await say(store, { sender: "ann", dest: "carol", body: "lost" });
    const before = await db.sql`SELECT epoch FROM roost.identity`.values();
    await play(db.url, `BEGIN; TRUNCATE ${tables.join(", ")}; ${data} COMMIT;`);
    expect(await db.sql`SELECT epoch FROM roost.identity`.values()).toEqual(before);
    const other = await open();
    await say(other, { sender: "ann", dest: "mallory" });
    await expectHers(store, other);
    expect(warned()).toHaveLength(1);
  });

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

  test("a query that a restore interrupts shows no message of another account", async () => {
    const other = await server().makeDatabase();
    const elsewhere = await open(other);
    await say(elsewhere, { sender: "eve", dest: "mallory", body: "for mallory" });
    const dump = (await dumpOf(other, "--clean", "--if-exists", "--inserts")).replaceAll(/^\\.*$/gm, "");
    const store = await open();
    const carols = await say(store, { sender: "dan", dest: "carol" });
    expect(await idsOf(store, "carol")).toEqual([carols]);
    const operator = await db.sql.reserve();
    await operator`BEGIN`;
    // The question has learnt carol's number when it needs the messages.
    await operator`LOCK TABLE roost.message IN ACCESS EXCLUSIVE MODE`;
    const asked = idsOf(store, "carol").then(
      (ids) => ids,
      (error: unknown) => error,
    );
    const watcher = new SQL(db.url, { max: 1 });
    await until(async () => (await watcher`SELECT FROM pg_locks WHERE NOT granted`).count > 0, "the question waits");
    await watcher.close();
    await operator.unsafe(dump);
    await operator`COMMIT`;
    void operator.release();
    // Carol is nobody in the restored store; the account with her number there has a message.
    const answer = await asked;
    if (!(answer instanceof StoreUnavailable)) expect(answer).toEqual([]);
    expect(await shownTo(store, "carol")).toEqual([]);
    expect(await shownTo(store, "mallory")).toHaveLength(1);
    for (const each of db.opened) await each.close();
    await server().dropDatabase(other);
  });

  test("a group's members are read again after a restore", async () => {
    const store = await open();
    await store.createGroup(draft({ members: ["bob"] }));
    const dump = await dumpOf(db.url, "--clean", "--if-exists");
    const sessions = new MemorySessions();
    const audience = new GroupAudience(store, sessions);
    for (const account of ["ann", "bob", "carol"]) {
      await sessions.put("app", account, { device: "", channelId: account, gateway: "g", incarnation: "i" });
    }
    const change = { app: "app", group: "g1", actor: "ann", account: "carol" };
    await store.join(change);
    const version = (await store.membership("app", "g1"))?.version ?? 0n;
    expect([...(await audience.online("app", "g1", version))].toSorted()).toEqual(["ann", "bob", "carol"]);
    await play(db.url, dump);
    let groupVersion = 0n;
    await until(async () => {
      try {
        const [outcome] = await store.append([talk({ toGroup: true, dest: "g1" })]);
        ({ groupVersion } = stored(outcome));
        return true;
      } catch (error) {
        if (error instanceof StoreUnavailable) return false;
        throw error;
      }
    }, "a talk to the group is stored");
    expect(groupVersion).toBeLessThan(version);
    expect([...(await audience.online("app", "g1", groupVersion))].toSorted()).toEqual(["ann", "bob"]);
  });

  for (const version of [1, 2, 3]) {
    test(`a dump of schema ${version} that is restored under a running node is brought up to date`, async () => {
      const former = readFileSync(join(import.meta.dir, `postgres-schema-${version}.sql`), "utf8");
      const store = await open();
      await say(store, { sender: "ann", dest: "carol", body: "lost" });
      await play(
        db.url,
        `BEGIN; DROP SCHEMA roost CASCADE; CREATE SCHEMA roost; ${former};
         CREATE TABLE roost.migration (number integer PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());
         INSERT INTO roost.migration SELECT generate_series(1, ${version});
         INSERT INTO roost.account (app, name) VALUES ('app', 'mallory');
         COMMIT;`,
      );
      await expectHers(store, store);
      expect(warned()).toHaveLength(1);
      expect(await store.createGroup(draft({ id: "new", members: ["mallory"] }))).toMatchObject({ leftOut: [] });
    });
  }

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

  test("a dump of which only some tables are there yet is an incomplete store, not another program's", async () => {
    const store = await open();
    await say(store, { dest: "bob" });
    await db.sql`DROP TABLE roost.migration`;
    await db.sql`DROP TABLE roost.sequence CASCADE`;
    await expect(store.append([talk()])).rejects.toThrow(StoreUnavailable);
    const incomplete = /no message store is in .*, or one that is not complete/;
    await until(() => incomplete.test(store.trouble ?? ""), "the store says what is wrong");
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
    expect(lines.filter((line) => line.includes("replaced"))).toEqual([]);
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

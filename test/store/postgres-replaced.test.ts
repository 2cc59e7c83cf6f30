// What a process remembers of a database (the numbers of accounts, positions, plans) does not outlive that database:
// dumps take its place under running stores. Account numbers decide who reads a message.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import { GroupAudience } from "../../src/roles/chat/group-audience.ts";
import { MemorySessions } from "../../src/session/memory-sessions.ts";
import { StoreUnavailable } from "../../src/store/store.ts";
import { until } from "../../scripts/harness/until.ts";
import { canDump, dumpOf, play, watchedStores } from "./postgres-dumps.ts";
import { expectHers, idsOf, say, shownTo } from "./replaced-store.ts";
import { draft, stored, talk } from "./samples.ts";
import { databaseForEach, postgresForAll } from "./postgres-setup.ts";

describe.skipIf(!canDump)("a PostgreSQL store that a dump replaces", () => {
  const server = postgresForAll();
  const db = databaseForEach(server);
  const { open, lines, warned } = watchedStores(db);

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
    expect(lines().filter((line) => !line.includes("was replaced"))).toEqual([]);
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
    // A trigger empties the counts of groups.
    const tables = await db.sql`
      SELECT 'roost.' || tablename FROM pg_tables WHERE schemaname = 'roost' AND tablename <> 'group_count'`.values();
    await play(db.url, `BEGIN; TRUNCATE ${tables.join(", ")}; ${data} COMMIT;`);
    expect(await db.sql`SELECT epoch FROM roost.identity`.values()).toEqual(before);
    const other = await open();
    await say(other, { sender: "ann", dest: "mallory" });
    await expectHers(store, other);
    expect(warned()).toHaveLength(1);
  });

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

  test("a dump of which only some tables are there yet is an incomplete store, not another program's", async () => {
    const store = await open();
    await say(store, { dest: "bob" });
    await db.sql`DROP TABLE roost.migration`;
    await db.sql`DROP TABLE roost.sequence CASCADE`;
    await expect(store.append([talk()])).rejects.toThrow(StoreUnavailable);
    const incomplete = /no message store is in .*, or one that is not complete/;
    await until(() => incomplete.test(store.trouble ?? ""), "the store says what is wrong");
  });
});

// What a process remembers of a file of messages does not outlive its content: a backup is put into the open file with
// SQLite's own means, or accounts are deleted by hand. Account numbers decide who reads a message.

import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { copyFileSync, statSync } from "node:fs";
import { createLog } from "../../src/base/log.ts";
import { GroupAudience } from "../../src/roles/chat/group-audience.ts";
import { MemorySessions } from "../../src/session/memory-sessions.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { StoreUnavailable, type Store } from "../../src/store/store.ts";
import { until } from "../../scripts/harness/until.ts";
import { expectHers, idsOf, insist, say, shownTo } from "./replaced-store.ts";
import { draft, stored, talk } from "./samples.ts";
import { backToSchema4, backToSchema5, backToSchema7, backToSchema8 } from "../support/former-schema.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";

const freshPath = temporaryPaths("replaced-");

describe.skipIf(Bun.which("sqlite3") === null)("an SQLite store whose file gets another content", () => {
  let path: string;
  let opened: Store[];
  let lines: string[];
  beforeEach(() => {
    path = freshPath();
    opened = [];
    lines = [];
  });
  afterEach(async () => {
    for (const store of opened) await store.close();
  });

  const open = async (at = path): Promise<Store> => {
    const log = createLog("warn", "text", (line) => lines.push(line));
    const store = await openSqliteStore({ path: at, retentionDays: 0, log, flushMessages: 200 });
    opened.push(store);
    return store;
  };
  /** What an operator does by hand. */
  const shell = (command: string, at = path): void => {
    const { exitCode, stderr } = Bun.spawnSync(["sqlite3", "-cmd", ".timeout 5000", at, command]);
    expect([exitCode, stderr.toString()]).toEqual([0, ""]);
  };
  const warned = (): string[] => lines.filter((line) => line.includes("was replaced"));

  test("a backup restored into it gives no message to another account", async () => {
    const store = await open();
    await say(store, { sender: "ann", dest: "bob" });
    shell(`.backup ${path}.bak`);
    await say(store, { sender: "ann", dest: "carol", body: "lost" });
    shell(`.restore ${path}.bak`);
    const other = await open();
    await say(other, { sender: "ann", dest: "mallory" });
    await expectHers(store, other);
    expect(warned()).toHaveLength(1);
  });

  test("the same where the backup is of this process's time, and what is lost are acknowledgements only", async () => {
    const store = await open();
    const id = await say(store, { sender: "ann", dest: "bob" });
    shell(`.backup ${path}.bak`);
    await store.acknowledge("app", "carol", "", id);
    shell(`.restore ${path}.bak`);
    const other = await open();
    await other.acknowledge("app", "mallory", "", id);
    await expectHers(store, other);
    expect(warned()).toHaveLength(1);
  });

  test("the same where the index covers messages that the backup lacks, and all that is in it is found", async () => {
    const store = await open();
    const before: bigint[] = [];
    for (let count = 0; count < 50; count++) before.push(await say(store, { sender: "ann", dest: "bob" }));
    shell(`.backup ${path}.bak`);
    for (let count = 0; count < 20; count++) {
      await store.append(Array.from({ length: 50 }, (_, at) => talk({ dest: `late-${at % 7}` })));
    }
    await until(() => statSync(path.replace(".db", "-index-3.db")).size > 20_000, "messages are flushed");
    shell(`.restore ${path}.bak`);
    const other = await open();
    await say(other, { sender: "ann", dest: "mallory" });
    await expectHers(store, other);
    for (const each of [store, other]) expect(await shownTo(each, "bob")).toEqual(before);
    await until(() => store.isHealthy && store.trouble === "", "the store is well");
  });

  test("what is read first after another store was put into it is of that store", async () => {
    const elsewhere = `${path}.other.db`;
    const another = await open(elsewhere);
    await say(another, { sender: "eve", dest: "mallory", body: "for mallory" });
    shell(`.backup ${path}.bak`, elsewhere);
    const store = await open();
    await say(store, { sender: "dan", dest: "carol" });
    expect(await idsOf(store, "carol")).toHaveLength(1);
    shell(`.restore ${path}.bak`);
    const first = await idsOf(store, "carol").catch((error: unknown) => error);
    if (!(first instanceof StoreUnavailable)) expect(first).toEqual([]);
    expect(await shownTo(store, "carol")).toEqual([]);
    expect(await shownTo(store, "mallory")).toHaveLength(1);
    await expectHers(store, store);
  });

  test("a file that is shorter since is served again", async () => {
    const store = await open();
    await say(store, { sender: "ann", dest: "bob" });
    shell(`.backup ${path}.bak`);
    for (let count = 0; count < 20; count++) {
      await store.append(Array.from({ length: 50 }, () => talk({ dest: "carol", body: "x".repeat(2_000) })));
    }
    shell("PRAGMA wal_checkpoint(TRUNCATE)");
    const size = statSync(path).size;
    await Bun.sleep(1_200);
    shell(`.restore ${path}.bak`);
    shell("PRAGMA wal_checkpoint(TRUNCATE)");
    expect(statSync(path).size).toBeLessThan(size / 2);
    await Bun.sleep(1_200);
    await expectHers(store, store);
    await until(() => store.isHealthy && store.trouble === "", "the store is well");
  });

  test("a store of schema 4 put into it is brought up to date, and groups are made in it", async () => {
    const store = await open();
    await store.createGroup(draft({ members: ["bob"] }));
    shell(`.backup ${path}.bak`);
    const db = new Database(`${path}.bak`);
    backToSchema4(db);
    db.close();
    await store.createGroup(draft({ id: "lost", members: ["bob"] }));
    shell(`.restore ${path}.bak`);
    // The request that finds it out may be refused.
    await until(
      async () => (await store.createGroup(draft({ id: "g2", members: ["carol"] }))).result === "created",
      "made",
    );
    expect((await store.membership("app", "g1"))?.accounts).toEqual(["ann", "bob"]);
    expect((await store.membership("app", "g2"))?.accounts).toEqual(["ann", "carol"]);
    expect(await store.membership("app", "lost")).toBeUndefined();
    await until(() => store.isHealthy && store.trouble === "", "the store is well");
  });

  for (const [schema, back] of [
    [4, backToSchema4],
    [5, backToSchema5],
    [7, backToSchema7],
    [8, backToSchema8],
  ] as const) {
    // Each thread may be the first to meet tables that are missing: that is no damage.
    test(`a store of schema ${schema} put into it is brought up to date, whoever reads or writes first`, async () => {
      const store = await open();
      const before = await say(store, { sender: "ann", dest: "bob" });
      shell(`.backup ${path}.bak`);
      const db = new Database(`${path}.bak`);
      back(db);
      db.close();
      const first = {
        retentions: () => store.backEnd.data.retentions.of("app"),
        history: () => idsOf(store, "bob"),
        people: () => store.people.profiles("app", ["ann"], [0n]),
        talk: () => say(store, { sender: "ann", dest: "bob" }),
      };
      for (const [what, ask] of Object.entries(first)) {
        await say(store, { sender: "ann", dest: "carol", body: "lost" });
        shell(`.restore ${path}.bak`);
        // The request that finds it out may be refused.
        await insist(`${what} is answered`, async () => {
          await ask();
        });
        expect(await shownTo(store, "bob")).toContain(before);
        await until(() => store.isHealthy && store.trouble === "", `the store is well after ${what}`);
      }
      await expectHers(store, store);
    });
  }

  test("a store of schema 3 put into it is brought up to date", async () => {
    const store = await open();
    await say(store, { sender: "ann", dest: "bob" });
    shell(`.backup ${path}.bak`);
    const db = new Database(`${path}.bak`);
    backToSchema4(db);
    for (const trigger of ["account_deleted", "account_changed", "group_deleted", "group_changed"]) {
      db.run(`DROP TRIGGER ${trigger}`);
    }
    for (const table of ["identity", "owner"]) db.run(`DROP TABLE ${table}`);
    db.run("PRAGMA user_version = 3");
    db.close();
    await say(store, { sender: "ann", dest: "carol", body: "lost" });
    shell(`.restore ${path}.bak`);
    await expectHers(store, store);
    const other = await open();
    await say(other, { sender: "ann", dest: "mallory" });
    await expect(shownTo(other, "mallory")).resolves.toHaveLength(1);
  });

  test("accounts that are deleted by hand get new numbers, and nobody gets theirs", async () => {
    const store = await open();
    await say(store, { sender: "ann", dest: "bob", body: "lost" });
    const lost = await say(store, { sender: "ann", dest: "carol", body: "lost" });
    shell("DELETE FROM account WHERE name IN ('bob', 'carol')");
    const other = await open();
    await say(other, { sender: "ann", dest: "mallory" });
    expect(await shownTo(other, "mallory")).not.toContain(lost);
    await expectHers(store, other);
    const id = await say(store, { sender: "ann", dest: "bob" });
    expect(await shownTo(other, "bob")).toEqual([id]);
    expect(warned()).toHaveLength(1);
  });

  test("all accounts that are deleted at once leave no number to anybody", async () => {
    const store = await open();
    await say(store, { sender: "ann", dest: "carol", body: "lost" });
    shell("DELETE FROM account");
    await say(store, { sender: "mia", dest: "mallory" });
    expect(await shownTo(store, "mallory")).toHaveLength(1);
    await expectHers(store, store);
  });

  test("an account that is renamed by hand is noticed", async () => {
    const store = await open();
    await say(store, { sender: "ann", dest: "carol", body: "lost" });
    shell("UPDATE account SET name = 'mallory' WHERE name = 'carol'");
    await expectHers(store, store);
  });

  test("a group that is deleted by hand leaves its number and its members to no other group", async () => {
    const store = await open();
    await store.createGroup(draft({ id: "former", members: ["mallory"] }));
    await say(store, { toGroup: true, dest: "former" });
    shell("DELETE FROM \"group\" WHERE id = 'former'");
    await store.createGroup(draft({ id: "next", members: ["carol"] }));
    const id = await say(store, { toGroup: true, dest: "next" });
    expect((await store.append([talk({ toGroup: true, dest: "former" })]))[0]).toEqual({ result: "notFound" });
    expect((await store.membership("app", "next"))?.accounts).toEqual(["ann", "carol"]);
    expect(await shownTo(store, "mallory")).not.toContain(id);
  });

  test("a group's members are read again", async () => {
    const store = await open();
    await store.createGroup(draft({ members: ["bob"] }));
    shell(`.backup ${path}.bak`);
    const sessions = new MemorySessions();
    const audience = new GroupAudience(store, sessions);
    for (const account of ["ann", "bob", "carol"]) {
      await sessions.put("app", account, { device: "", channelId: account, gateway: "g", incarnation: "i" });
    }
    await store.join({ app: "app", group: "g1", actor: "ann", account: "carol" });
    const version = (await store.membership("app", "g1"))?.version ?? 0n;
    expect([...(await audience.online("app", "g1", version))].toSorted()).toEqual(["ann", "bob", "carol"]);
    shell(`.restore ${path}.bak`);
    await say(store, { toGroup: true, dest: "g1" });
    const after = (await store.membership("app", "g1"))?.version ?? 0n;
    expect(after).toBeLessThan(version);
    expect([...(await audience.online("app", "g1", after))].toSorted()).toEqual(["ann", "bob"]);
  });

  test("work of several processes, flushes, deletions and backups are no replacement", async () => {
    const stores = [await open(), await open()] as const;
    let replacements = 0;
    for (const store of stores) store.watchReplacement(() => replacements++);
    const ids: bigint[] = [];
    for (let round = 0; round < 30; round++) {
      for (const store of stores) {
        const outcomes = await store.append(Array.from({ length: 20 }, () => talk({ sender: `s${round % 5}` })));
        ids.push(...outcomes.map((outcome) => stored(outcome).messageId));
        await store.acknowledge("app", `a${round}`, "", ids.at(-1) ?? 0n);
        await idsOf(store, "bob");
      }
      if (round === 10) shell(`.backup ${path}.bak`);
    }
    await stores[0].createGroup(draft({ members: ["bob"] }));
    await stores[1].quit({ app: "app", group: "g1", actor: "bob", account: "bob" });
    shell("VACUUM");
    copyFileSync(path, `${path}.copy`);
    for (const store of stores) ids.push(await say(store, { sender: "ann", dest: "bob" }));
    expect(await shownTo(stores[1], "bob")).toEqual(ids);
    expect(replacements).toBe(0);
    expect(warned()).toEqual([]);
  });
});

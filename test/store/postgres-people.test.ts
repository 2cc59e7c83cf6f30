// The suite of groups and people, on PostgreSQL; and of people what only this engine does: rights that functions of the
// database decide, nodes whose writes cross, checks, and look-ups.

import { beforeEach, describe, expect, test } from "bun:test";
import { watchLooksMax } from "../../src/base/limits/fixed.ts";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { until } from "../../scripts/harness/until.ts";
import { consents, mayReach, mayWatch } from "../../src/store/group-rights.ts";
import { outcome } from "../../src/store/jobs.ts";
import { checkPostgres } from "../../src/store/postgres/check.ts";
import { Connections } from "../../src/store/postgres/connection.ts";
import { GuardedAccounts } from "../../src/store/postgres/people/guarded-accounts.ts";
import type { Store } from "../../src/store/store.ts";
import { allowedOf } from "./allowed-of.ts";
import { ConversationAsks } from "./conversation-asks.ts";
import { GroupAsks, versionIn } from "./group-asks.ts";
import { OpenedStore } from "./opened-store.ts";
import { peopleSuite } from "./people-suite.ts";
import { postgresPlace } from "./postgres-place.ts";
import { databaseForEach, postgresForAll, scannedTables } from "./postgres-setup.ts";
import { draft, talk } from "./samples.ts";

const bits = [false, true] as const;

describe.skipIf(!hasPostgres)("PostgreSQL", () => {
  const server = postgresForAll();
  peopleSuite("PostgreSQL store", () => postgresPlace(server()));

  describe("people in a PostgreSQL store", () => {
    const db = databaseForEach(server);
    const opened = new OpenedStore();
    const asks = new ConversationAsks(opened);
    const groupAsks = new GroupAsks(opened);
    const { block } = groupAsks;
    beforeEach(async () => {
      opened.store = await db.open();
    });
    const problems = async (): Promise<readonly string[]> => (await checkPostgres(db.url, () => undefined)).problems;
    const setConsent = (account: string, rules: object) =>
      groupAsks.people.setConsent({ app: "app", account, ...rules });

    /** 201 accounts, and groups that say that they have so many members. */
    const watchedAnd = (groups: number, name: string, members: number): string => `
      INSERT INTO roost.account (app, name) SELECT 'app', 'watched' || i FROM generate_series(0, 200) AS i;
      INSERT INTO roost.chat_group (
          owner, created_ms, version, member_count, closed, app, id, name, avatar, introduction)
        SELECT 1, 0, 1, ${members}, false, 'app', '${name}' || i, '', '', '' FROM generate_series(1, ${groups}) AS i;`;

    test("who may be watched is found where all are in thousands of large groups", async () => {
      await db.sql.unsafe(`
        ${watchedAnd(2000, "large", 201)}
        INSERT INTO roost.member (chat_group, account, from_id, joined_ms)
          SELECT g.number, a.number, 1, 0 FROM roost.chat_group g, roost.account a WHERE a.name LIKE 'watched%'`);
      const names = Array.from({ length: 201 }, (_, at) => `watched${at}`);
      expect(await allowedOf(groupAsks.people, "watched0", names)).toEqual(["watched0"]);
      // Others' reads come in between; and of two accounts the one in fewer groups is looked at.
      const part = await groupAsks.people.watchable("app", "watched0", names.slice(1));
      expect(part).toEqual({ allowed: [], decided: 3, looked: 6_000 });
      await opened.store.createGroup(draft({ id: "small", owner: "watched7", members: ["few"] }));
      expect(await groupAsks.people.watchable("app", "few", names)).toEqual({
        allowed: ["watched7"],
        decided: 201,
        looked: 201,
      });
      expect(await groupAsks.people.watchable("app", "watched7", ["few"])).toEqual({
        allowed: ["few"],
        decided: 1,
        looked: 1,
      });
    }, 60_000);

    test("who may be watched is found in parts of few look-ups where all are in hundreds of small groups", async () => {
      await db.sql.unsafe(`
        ${watchedAnd(20000, "small", 2)}
        INSERT INTO roost.member (chat_group, account, from_id, joined_ms)
          SELECT g.number, a.number, 1, 0 FROM generate_series(0, 199) AS k
          JOIN roost.account a ON a.name LIKE 'watched%'
          JOIN roost.chat_group g ON g.id = 'small' || (1 + (ltrim(a.name, 'watched')::integer * 97 + k) % 20000)`);
      const lookups = async (): Promise<number> => {
        await opened.store.close();
        await scannedTables(db);
        return db.number("SELECT idx_scan FROM pg_stat_user_tables WHERE relname = 'member'");
      };
      const before = await lookups();
      opened.store = await db.open();
      const names = Array.from({ length: 201 }, (_, at) => `watched${at}`);
      const found = await groupAsks.people.watchable("app", "watched0", names);
      expect(found.allowed).toEqual(["watched0", "watched1", "watched2"]);
      expect(found.decided).toBe(1 + watchLooksMax / 200);
      expect((await lookups()) - before).toBeLessThan(2 * watchLooksMax);
    }, 60_000);

    test("the functions of the database say of every combination of facts what mayReach and mayWatch say", async () => {
      for (const [at, consent] of consents.entries()) {
        for (const isBlocked of bits) {
          for (const hasConversation of bits) {
            const account = `to${at}${Number(isBlocked)}${Number(hasConversation)}`;
            if (hasConversation) await asks.send(account, "ann");
            await setConsent(account, { write: consent, add: consent });
            if (isBlocked) await block(account, "ann");
            const facts = { isSelf: false, isBlocked, hasConversation };
            for (const wish of ["write", "add"] as const) {
              const [row] = await db.sql<{ may: boolean }[]>`SELECT roost.may_reach(
                roost.account_number('app', 'ann'), roost.account_number('app', ${account}), ${wish}) AS may`;
              expect([wish, consent, facts, row?.may]).toEqual([wish, consent, facts, mayReach({ ...facts, consent })]);
            }
            const said = await asks.sent("ann", account, {});
            expect([consent, facts, said.result]).toEqual([
              consent,
              facts,
              mayReach({ ...facts, consent }) ? "stored" : "unwilling",
            ]);
            const other = `watched by ${account}`;
            for (const sharesGroup of bits) {
              if (hasConversation) await asks.send(other, "ann");
              if (isBlocked) await block(other, "ann");
              if (sharesGroup) await opened.store.createGroup(draft({ id: other, members: [other] }));
              const { allowed: watchable } = await groupAsks.people.watchable("app", "ann", [other]);
              const may = mayWatch({ ...facts, sharesGroup });
              expect([facts, sharesGroup, watchable]).toEqual([facts, sharesGroup, may ? [other] : []]);
            }
          }
        }
      }
      expect(await problems()).toEqual([]);
    }, 60_000);

    test("a block that crosses talks of two nodes: what is stored has an id below it", async () => {
      const other = await db.open();
      await asks.send("ann", "bob");
      const write = async (store: Store): Promise<bigint | undefined> => {
        const [answer] = await store.append([talk({ sender: "ann", dest: "bob" })]);
        expect(["stored", "unwilling"]).toContain(answer?.result ?? "");
        return answer?.result === "stored" ? answer.messageId : undefined;
      };
      for (let round = 0; round < 30; round++) {
        const store = round % 2 === 0 ? opened.store : other;
        const rest = round % 2 === 0 ? other : opened.store;
        const before = [write(rest), write(store)];
        const blocking = store.people?.block({ app: "app", account: "bob", blocked: "ann", isOff: false });
        const behind = [write(store), write(rest)];
        const version = versionIn(await (blocking ?? Promise.reject(new Error("expected people"))));
        const ids = await Promise.all([...before, ...behind]);
        for (const id of ids) if (id !== undefined) expect(id).toBeLessThan(version);
        for (const late of [store, rest]) expect(await write(late)).toBeUndefined();
        await block("bob", "ann", true);
        for (const late of [store, rest]) expect(await write(late)).toBeDefined();
      }
      expect(await problems()).toEqual([]);
    }, 60_000);

    test("a process reads page by page which accounts may refuse talks, and goes on from there", async () => {
      await db.sql`INSERT INTO roost.guard SELECT n, n + 7 FROM generate_series(3, 2500, 2) n`;
      const connections = new Connections({ url: db.url, connectionsMax: 1, idleSecondsMax: 0 });
      db.opened.push(connections);
      const guards = new GuardedAccounts();
      const followTo = (version: bigint): Promise<void> =>
        until(async () => {
          guards.follow(connections, await db.life());
          return guards.version === version;
        }, `guards are known up to ${version}`);
      await followTo(2506n);
      expect([1n, 2n, 3n, 4n, 2499n, 2500n, 2501n].map((account) => guards.has(account))).toEqual([
        false,
        false,
        true,
        false,
        true,
        false,
        false,
      ]);
      await db.sql`UPDATE roost.guard SET version = 5000 WHERE account = 3`;
      await db.sql`INSERT INTO roost.guard VALUES (2, 6000)`;
      await followTo(6000n);
      expect([2n, 3n, 4n].map((account) => guards.has(account))).toEqual([true, true, false]);
    });

    test("what a process remembers of guarded accounts lets nobody through whom another has blocked", async () => {
      await asks.send("ann", "bob");
      await asks.send("ann", "eve");
      await block("eve", "joe");
      const other = await db.open();
      const guards = await groupAsks.people.guardVersion();
      // Long enough for both to read what is new.
      for (let round = 0; round < 3; round++) {
        await asks.send("ann", "bob");
        await Bun.sleep(300);
      }
      await asks.send("ann", "eve");
      expect(await groupAsks.people.guardVersion()).toBe(guards);
      await other.people?.block({ app: "app", account: "bob", blocked: "ann", isOff: false });
      expect((await asks.sent("ann", "bob", {})).result).toBe("unwilling");
      expect((await asks.sent("joe", "eve", {})).result).toBe("unwilling");
      await asks.send("joe", "bob");
    });

    test("a block that crosses additions of two nodes to a group: one is added before it, or not", async () => {
      const other = await db.open();
      await groupAsks.made();
      const request = { ...groupAsks.by("ann"), accounts: ["bob"] };
      for (let round = 0; round < 20; round++) {
        const [first, second, blocked] = await Promise.all([
          groupAsks.groups.add(request),
          other.groups?.add(request),
          block("bob", "ann"),
        ]);
        const version = versionIn(blocked);
        const added = [...first.outcomes, ...(second?.outcomes ?? [])].flatMap((each) =>
          each.result === "stored" ? [each.version] : [],
        );
        expect(added.length).toBeLessThanOrEqual(1);
        for (const each of added) expect(each).toBeLessThan(version);
        const { unwilling } = await groupAsks.groups.add(request);
        expect(unwilling).toEqual(added.length === 1 ? [] : ["bob"]);
        await block("bob", "ann", true);
        if (added.length === 1) await groupAsks.groups.remove(request);
      }
      expect(await problems()).toEqual([]);
    }, 60_000);

    test("a conversation that a talk of a batch begins exists for those behind it alone", async () => {
      await setConsent("bob", { write: "conversations" });
      await setConsent("eve", { write: "nobody" });
      const talks = [
        ["ann", "bob"],
        ["bob", "ann"],
        ["ann", "bob"],
        ["ann", "eve"],
        ["eve", "joe"],
        ["joe", "eve"],
        ["joe", "bob"],
        ["bob", "bob"],
      ] as const;
      const append = async (): Promise<string[]> =>
        (await opened.store.append(talks.map(([sender, dest]) => talk({ sender, dest })))).map(({ result }) => result);
      const rest = ["unwilling", "stored", "unwilling", "unwilling", "stored"];
      expect(await append()).toEqual(["unwilling", "stored", "stored", ...rest]);
      // By numbers alone, as the process knows all accounts by now.
      expect(await append()).toEqual(["stored", "stored", "stored", ...rest]);
      expect(await problems()).toEqual([]);
    });

    test("a conversation whose messages the retention has deleted is none", async () => {
      await asks.send("bob", "ann");
      await setConsent("bob", { write: "conversations" });
      await asks.send("ann", "bob");
      await db.sql`SELECT roost.delete_slice(0, s.last_id, 100, null) FROM roost.sequence s`;
      expect((await asks.sent("ann", "bob", {})).result).toBe("unwilling");
      expect(await groupAsks.people.watchable("app", "ann", ["bob"])).toMatchObject({ allowed: [] });
    });

    test("blocks do not count as changes by hand, which would drop the caches of all nodes", async () => {
      await asks.send("ann", "bob");
      const life = await db.life();
      await block("bob", "ann");
      await setConsent("eve", { add: "nobody" });
      expect(await db.life()).toBe(life);
      await db.sql`UPDATE roost.account SET name = name`;
      expect(await db.life()).not.toBe(life);
    });

    test("who was refused has an account, and nobody else is made by it", async () => {
      await asks.send("bob", "eve");
      await setConsent("bob", { write: "nobody" });
      const names = "SELECT count(*) FROM roost.account";
      expect((await asks.sent("stranger", "bob", { clientId: "k" })).result).toBe("unwilling");
      expect((await asks.sent("stranger", "bob", { clientId: "k" })).result).toBe("unwilling");
      expect(await db.number(names)).toBe(3);
    });

    test("every look-up is one by an index, also where the tables were empty when it was planned", async () => {
      const { people } = groupAsks;
      for (let round = 0; round < 3; round++) {
        await asks.send("bob", "ann");
        await block("bob", `m${round}`);
        await setConsent("bob", { write: round % 2 === 0 ? "conversations" : "everybody" });
        await people.setProfile({ app: "app", account: "bob", name: `Bob ${round}` });
        await people.markSeen([{ app: "app", account: "bob", minute: 30_000_000 + round }]);
        for (const sender of ["ann", "eve", `m${round}`]) await asks.sent(sender, "bob", {});
        await people.blocked("app", "bob", "", 9);
        await people.consent("app", "bob");
        await people.profiles("app", ["bob", "ann"], []);
        await people.watchable("app", "ann", ["bob", "eve", "m0"]);
        await people.mayTalk({ app: "app", account: "eve", toGroup: false, dest: "bob" });
        await people.blocksAfter(await people.guardVersion(), 9);
        await people.blocksAfter(0n, 9);
        await people.lastSeen("app", ["bob", "ann"]);
        await opened.store.accountState("app", "bob", 0n, 500);
        await asks.list("ann");
        await block("bob", `m${round}`, true);
      }
      await opened.store.close();
      expect(await scannedTables(db)).toEqual([]);
    });

    test("programs of schema 7 are refused as who is no member, and move cursors as before", async () => {
      const id = await asks.send("bob", "ann");
      await groupAsks.made("bob");
      await groupAsks.change("ann", { kind: "update", isForAdmins: true });
      const { sql } = db;
      const formerTalk = async (sender: string, dest: string, toGroup = false): Promise<bigint | undefined> => {
        const rows = await sql<{ outcome: bigint }[]>`SELECT outcome FROM roost.append_batch(
          'former', null, ${sql.array(["app"], "TEXT")}, ${sql.array([sender], "TEXT")}, ${sql.array([null], "BIGINT")},
          ${sql.array([toGroup], "BOOLEAN")}, ${sql.array([dest], "TEXT")}, ${sql.array([null], "BIGINT")},
          ${sql.array([false], "BOOLEAN")}, ${sql.array([1], "INT")}, ${sql.array(["hi"], "TEXT")},
          ${sql.array([""], "TEXT")}, ${sql.array([""], "TEXT")}, ${sql.array([1], "INT")}, ${sql.array([], "INT")},
          ${sql.array([], "TEXT")}, ${sql.array([], "BIGINT")}, ${sql.array([], "TEXT")}, ${sql.array([], "TEXT")},
          ${sql.array([], "TEXT")}, ${sql.array([], "BIGINT")})`;
        return rows[0]?.outcome;
      };
      expect(await formerTalk("ann", "bob")).toBe(outcome.stored);
      expect(await formerTalk("bob", "g1", true)).toBe(outcome.forbidden);
      await block("bob", "ann");
      expect(await formerTalk("ann", "bob")).toBe(outcome.forbidden);
      expect(await formerTalk("bob", "ann")).toBe(outcome.stored);
      const moved = await sql`SELECT former_id, read_id FROM roost.mark_read(${await db.life()},
        ${sql.array(["app"], "TEXT")}, ${sql.array(["ann"], "TEXT")}, ${sql.array([false], "BOOLEAN")},
        ${sql.array(["bob"], "TEXT")}, ${sql.array([id], "BIGINT")})`;
      expect(moved).toEqual([{ former_id: 0n, read_id: id }]);
      expect(await problems()).toEqual([]);
    });
  });
});

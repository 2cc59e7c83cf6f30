// What a command reads of a PostgreSQL store does not grow with what others have heaped up, whatever the planner's
// statistics say: none yet, those of empty tables, or right ones, by which most accounts have a row of each kind.

import { beforeEach, describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import type { Store } from "../../src/store/store.ts";
import { ConversationAsks } from "./conversation-asks.ts";
import { GroupAsks } from "./group-asks.ts";
import { OpenedStore } from "./opened-store.ts";
import { databaseForEach, postgresForAll, scannedTables } from "./postgres-setup.ts";
import { draft } from "./samples.ts";

const many = 6_000;
/** Rows of all commands below; each alone would read as many as `many` or more. */
const rowsMax = 2_000;

describe.skipIf(!hasPostgres)("a PostgreSQL store", () => {
  const db = databaseForEach(postgresForAll());
  const opened = new OpenedStore();
  const asks = new ConversationAsks(opened);
  const groupAsks = new GroupAsks(opened);
  const { by, change } = groupAsks;
  let store: Store;
  const open = async (): Promise<void> => {
    store = await db.open();
    opened.store = store;
  };
  beforeEach(open);

  /** Rows that were read by all connections that have ended. */
  const rowsRead = async (): Promise<number> => {
    await store.close();
    await scannedTables(db);
    return db.number(`SELECT sum(idx_tup_read) + (
        SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE schemaname = 'roost')
      FROM pg_stat_user_indexes WHERE schemaname = 'roost'`);
  };

  /** ann owns g1 of many members, and has blocked, written to, hidden and been counted as often. */
  const fill = async (): Promise<bigint> => {
    const id = await asks.send("ann", "@g1");
    // What it reads is counted when its connection has ended.
    const other = new SQL(db.url, { max: 1 });
    await other.unsafe(`
      INSERT INTO roost.account (app, name) SELECT 'app', 'm' || n FROM generate_series(1, ${many}) n;
      CREATE TEMPORARY TABLE a AS
        SELECT number, row_number() OVER (ORDER BY number) AS n FROM roost.account WHERE name LIKE 'm%';
      CREATE TEMPORARY TABLE ann AS SELECT number FROM roost.account WHERE name = 'ann';
      INSERT INTO roost.member (chat_group, account, from_id, joined_ms) SELECT 1, a.number, 1, 0 FROM a;
      UPDATE roost.chat_group SET member_count = member_count + ${many};
      INSERT INTO roost.group_count (account, own, put) SELECT number, 0, 0 FROM a;
      INSERT INTO roost.block (account, blocked, version, is_off) SELECT ann.number, a.number, n, n = 1 FROM a, ann;
      INSERT INTO roost.block (account, blocked, version, is_off)
        SELECT a.number, ann.number, n, true FROM a, ann WHERE n > 10;
      INSERT INTO roost.guard (account, version) SELECT number, 1 FROM ann;
      INSERT INTO roost.conversation (account, other) SELECT ann.number, a.number FROM a, ann;
      INSERT INTO roost.conversation (account, other) SELECT a.number, ann.number FROM a, ann;
      INSERT INTO roost.message (id, inbox, sender, sent_ns, type, body, extra)
        SELECT n, a.number, ann.number, 0, 1, '', '' FROM a, ann;
      INSERT INTO roost.hidden (account, id, version) SELECT ann.number, n, n FROM a, ann;
      INSERT INTO roost.reaction (message, account, entry, reaction) SELECT n, a.number, n, 'x' FROM a;
      INSERT INTO roost.reaction (message, account, entry, reaction) SELECT n, ann.number, n, 'x' FROM a, ann;
      INSERT INTO roost.reaction_count (message, accounts, reaction) SELECT n, 2, 'x' FROM a;
      INSERT INTO roost.invitation (chat_group, maker, expires_s, uses_left, app, code)
        SELECT 1 + n, number, 9000000000, -1, 'app', 'code' || n FROM a;
      INSERT INTO roost.join_request (chat_group, account, at_s, text) SELECT 1 + n, number, 9000000000, '' FROM a;
      DROP TABLE a, ann`);
    await other.close();
    return id;
  };

  const command = async (id: bigint): Promise<void> => {
    const { groups, people } = groupAsks;
    expect((await asks.sent("m7", "@g1", { mentions: ["m8", "m9"], replyTo: id })).result).toBe("stored");
    expect((await asks.sent("m2", "ann", {})).result).toBe("unwilling");
    expect((await asks.sent("m1", "ann", {})).result).toBe("stored");
    expect((await asks.sent("m1", "newcomer", { clientId: "k" })).result).toBe("stored");
    const made = await store.createGroup(draft({ id: "g2", owner: "m2", members: ["m3", "ann", "m4"] }));
    expect(made).toMatchObject({ result: "created", leftOut: ["ann"] });
    expect((await store.join({ ...by("x1"), account: "x1" })).result).toBe("changed");
    expect((await groups.remove({ ...by("ann"), accounts: ["m5", "m6"] }))[0]?.result).toBe("stored");
    expect((await groups.add({ ...by("ann"), accounts: ["m5", "x2"] })).outcomes[0]?.result).toBe("stored");
    expect((await change("ann", { kind: "role", account: "m5", role: "admin" })).result).toBe("stored");
    expect((await groups.invite({ ...by("m5"), code: "more", validSeconds: 100, uses: 1 })).result).toBe("stored");
    expect(await groups.invitations(by("m5"))).toMatchObject({ items: [{ code: "more" }] });
    expect((await groups.joinInvited("app", "x3", "more")).result).toBe("stored");
    expect((await change("ann", { kind: "update", hasApproval: true })).result).toBe("stored");
    expect((await groups.request({ ...by("x4"), text: "" })).result).toBe("stored");
    expect((await groupAsks.block("ann", "m9", true)).result).toBe("stored");
    expect((await people.mayTalk({ app: "app", account: "m8", toGroup: false, dest: "ann" })).right).toBe("unwilling");
    expect(await people.watchable("app", "m8", ["ann", "m9"])).toMatchObject({ allowed: [], decided: 2 });
    expect((await store.hide({ app: "app", account: "m2", messageIds: [id, 2n] })).result).toBe("stored");
    await store.messages("app", "ann", [1n, 2n, 3n, id]);
    const page = { app: "app", account: "m3", toGroup: false, dest: "ann", thread: 0n, limit: 10 };
    await store.history({ ...page, from: { at: "newest" } });
  };

  for (const statistics of ["no statistics", "statistics of empty tables", "right statistics"] as const) {
    test(`reads few rows for a command with ${statistics}`, async () => {
      await groupAsks.made("bob");
      await db.sql`ALTER TABLE roost.member SET (autovacuum_enabled = off)`;
      if (statistics === "statistics of empty tables") await db.sql`ANALYZE`;
      const id = await fill();
      if (statistics === "right statistics") await db.sql`ANALYZE`;
      const before = await rowsRead();
      await open();
      await command(id);
      expect((await rowsRead()) - before).toBeLessThan(rowsMax);
    }, 60_000);
  }

  test("reads few rows for a list, a log and messages by id, whatever others have sent, joined and left", async () => {
    await groupAsks.made("bob");
    const ids: bigint[] = [];
    for (let sent = 0; sent < 3; sent++) ids.push(await asks.send("ann", "@g1", { mentions: ["*"] }));
    await asks.send("ann", "bob");
    await asks.send("ann", "dan");
    await asks.send("bob", "eve");
    const other = new SQL(db.url, { max: 1 });
    await other.unsafe(`
      INSERT INTO roost.message (id, inbox, sender, sent_ns, type, body, extra)
        SELECT n, bob.number, ann.number, 0, 1, '', ''
        FROM roost.account ann, roost.account bob, generate_series(1, ${many}) n
        WHERE ann.name = 'ann' AND bob.name = 'bob';
      INSERT INTO roost.member (chat_group, account, from_id, until_id, joined_ms)
        SELECT 1, number, 2 * n, 2 * n + 1, 0 FROM roost.account, generate_series(1, ${many}) n WHERE name = 'dan';`);
    await other.close();
    await db.sql`ANALYZE`;
    const before = await rowsRead();
    await open();
    expect((await asks.list("ann")).conversations).toHaveLength(3);
    expect((await asks.log("eve", { includeSent: true })).entries).toHaveLength(1);
    expect(await store.contents("app", "dan", ids)).toHaveLength(0);
    expect((await rowsRead()) - before).toBeLessThan(rowsMax);
  }, 60_000);
});

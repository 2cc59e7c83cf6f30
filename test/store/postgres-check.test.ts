// What roost check finds in a store on PostgreSQL: each kind of damage made by hand is named, and a sound store has
// none.

import { describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { silentLog } from "../../src/base/log.ts";
import { checkPostgres } from "../../src/store/postgres/check.ts";
import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.ts";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { draft, stored, talk } from "./samples.ts";
import { postgresForAll } from "./postgres-setup.ts";

describe.skipIf(!hasPostgres)("PostgreSQL", () => {
  const server = postgresForAll();

  /** A small store with everything in it, after some statements. */
  async function checked(...statements: readonly string[]): Promise<readonly string[]> {
    const url = await server().makeDatabase();
    const store = await openPostgresStore({ url, retentionDays: 0, log: silentLog });
    await store.createGroup(draft({ members: ["bob", "carol"] }));
    const [first] = await store.append([talk({ clientId: "c" }), talk({ toGroup: true, dest: "g1" })]);
    const { messageId } = stored(first);
    await store.append([talk({ sender: "bob", dest: "ann", mentions: ["ann"], replyTo: messageId })]);
    await store.change({ app: "app", actor: "bob", messageId, kind: "react", reaction: "+1", isOff: false });
    await store.hide({ app: "app", account: "bob", messageIds: [messageId] });
    await store.markRead({ app: "app", account: "bob", toGroup: false, dest: "ann", messageId });
    const { people } = store;
    await people?.block({ app: "app", account: "ann", blocked: "carol", isOff: false });
    await people?.setConsent({ app: "app", account: "bob", add: "nobody" });
    await people?.setProfile({ app: "app", account: "ann", name: "Ann" });
    await people?.markSeen([{ app: "app", account: "bob", minute: 30_000_000 }]);
    await store.close();
    const sql = new SQL(url, { max: 1 });
    for (const statement of statements) await sql.unsafe(statement);
    await sql.close();
    const parts: number[] = [];
    const { problems } = await checkPostgres(url, (_, part) => parts.push(part));
    expect(parts.length).toBeGreaterThan(5);
    expect(parts).toEqual(parts.toSorted((a, b) => a - b));
    return problems;
  }

  test("nothing is found in a sound store, and what could not be checked is listed", async () => {
    expect(await checked()).toEqual([]);
    const url = await server().makeDatabase();
    await (await openPostgresStore({ url, retentionDays: 0, log: silentLog })).close();
    expect((await checkPostgres(url, () => undefined)).skipped).toEqual([expect.stringContaining("amcheck")]);
    expect(checkPostgres(await server().makeDatabase(), () => undefined)).rejects.toThrow("contains no roost store");
  }, 60_000);

  test("each kind of damage is named", async () => {
    const cases: [string, string][] = [
      ["DELETE FROM roost.account WHERE name = 'ann'", "messages whose sender has no account"],
      ["DELETE FROM roost.account WHERE name = 'bob'", "messages whose receiver has no account"],
      ["DELETE FROM roost.chat_group", "messages whose group does not exist"],
      ["UPDATE roost.chat_group SET member_count = 7", "groups with a wrong count of members"],
      ["UPDATE roost.group_count SET put = 7", "3 accounts with wrong group counts"],
      ["UPDATE roost.sequence SET last_id = 1", "ids above the last id"],
      ["UPDATE roost.identity SET identity = 'half'", "its identity is not one row of 32 hexadecimal digits"],
      ["DELETE FROM roost.identity", "its identity is not one row of 32 hexadecimal digits"],
      ["DELETE FROM roost.sequence", "has lost its row of the last id"],
      [
        `DROP INDEX roost.message_client; INSERT INTO roost.message
          SELECT id - 1, inbox, sender, sent_ns, type, body, extra, client_id FROM roost.message WHERE client_id = 'c'`,
        "retries that were stored twice",
      ],
      ["DELETE FROM roost.message WHERE client_id = 'c'", "rows of entry without their message"],
      ["DELETE FROM roost.message WHERE mentions <> ''", "rows of mention without their message"],
      ["DELETE FROM roost.message WHERE mentions <> ''", "rows of reply without their message"],
      ["DELETE FROM roost.message WHERE client_id = 'c'", "rows of reaction without their message"],
      ["DELETE FROM roost.message WHERE client_id = 'c'", "rows of hidden without their message"],
      ["UPDATE roost.reply SET root = (SELECT max(id) FROM roost.entry)", "rows of reply whose root is no message"],
      [
        "UPDATE roost.message SET reply_to = (SELECT max(id) FROM roost.entry)",
        "rows of message whose reply_to is no message",
      ],
      ["UPDATE roost.conversation SET other = 99", "rows of conversation whose partner or group does not exist"],
      ["UPDATE roost.read_cursor SET other = -99", "rows of read_cursor whose partner or group does not exist"],
      ["UPDATE roost.entry SET id = refers WHERE refers > 0", "entries that have the id of a message"],
      ["UPDATE roost.read_cursor SET account = 99", "rows of read_cursor without an account"],
      ["UPDATE roost.read_cursor SET read_id = 1::bigint << 62", "cursors above the last id"],
      ["UPDATE roost.message SET state = 2 WHERE client_id = 'c'", "recalled messages that have a text"],
      ["DELETE FROM roost.reaction", "messages with wrong counts of reactions"],
      ["DELETE FROM roost.conversation WHERE account = 1", "missing from the list of one side"],
      ["UPDATE roost.block SET account = 99", "rows of block without an account"],
      ["UPDATE roost.block SET blocked = 99", "blocks of accounts that do not exist"],
      ["UPDATE roost.consent SET account = 99", "rows of consent without an account"],
      ["UPDATE roost.profile SET account = 99", "rows of profile without an account"],
      ["UPDATE roost.seen SET account = 99", "rows of seen without an account"],
      [
        "UPDATE roost.profile SET version = 1::bigint << 62",
        "versions of blocks, settings or profiles above the last id",
      ],
      ["UPDATE roost.guard SET account = 99 WHERE account = 1", "rows of guard without an account"],
      ["UPDATE roost.guard SET version = 0", "2 blocks or settings that refuse nobody"],
      ["DELETE FROM roost.guard", "2 blocks or settings that refuse nobody"],
      [
        "ALTER TABLE roost.block DROP CONSTRAINT block_pkey; INSERT INTO roost.block SELECT * FROM roost.block",
        "duplicate blocks",
      ],
    ];
    for (const [statement, told] of cases) {
      expect([statement, (await checked(statement)).join("; ")]).toEqual([statement, expect.stringContaining(told)]);
    }
  }, 120_000);

  test("counts are right after a restore of data alone, which fires triggers and brings the counts first", async () => {
    expect(
      await checked(
        "CREATE TABLE saved_member AS SELECT * FROM roost.member",
        "CREATE TABLE saved_count AS SELECT * FROM roost.group_count",
        "TRUNCATE roost.member",
        "INSERT INTO roost.group_count SELECT * FROM saved_count",
        "INSERT INTO roost.member OVERRIDING SYSTEM VALUE SELECT * FROM saved_member",
      ),
    ).toEqual([]);
  }, 60_000);

  test("indexes are compared with their tables if amcheck is there", async () => {
    const url = await server().makeDatabase();
    const store = await openPostgresStore({ url, retentionDays: 0, log: silentLog });
    await store.append(Array.from({ length: 50 }, () => talk()));
    await store.close();
    const sql = new SQL(url, { max: 1 });
    await sql`CREATE EXTENSION amcheck`;
    expect(await checkPostgres(url, () => undefined)).toEqual({ messages: 50, problems: [], skipped: [] });
    // A row that its index does not know: the catalogue says that the index is not kept for a moment.
    await sql`UPDATE pg_index SET indisready = false, indislive = true
      WHERE indexrelid = 'roost.message_inbox'::regclass`;
    await sql`INSERT INTO roost.message SELECT id + 1, inbox, sender, sent_ns, type, body, extra FROM roost.message
      ORDER BY id DESC LIMIT 1`;
    await sql`UPDATE roost.sequence SET last_id = last_id + 1`;
    await sql`UPDATE pg_index SET indisready = true WHERE indexrelid = 'roost.message_inbox'::regclass`;
    await sql.close();
    const { problems } = await checkPostgres(url, () => undefined);
    expect(problems).toEqual([expect.stringMatching(/the index roost\.message_inbox is damaged: .*REINDEX INDEX/)]);
  }, 60_000);
});

// Of conversations, what only the store on PostgreSQL does: rights that a function of the database decides, purges
// beside changes, dumps, and a store that is replaced.

import { beforeEach, describe, expect, test } from "bun:test";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { until } from "../../scripts/harness/until.ts";
import { checkPostgres } from "../../src/store/postgres/check.ts";
import { Connections } from "../../src/store/postgres/connection.ts";
import { type ChangeFacts, rightTo } from "../../src/store/rights.ts";
import { changed, ConversationAsks } from "./conversation-asks.ts";
import { OpenedStore } from "./opened-store.ts";
import { canDump, dumpOf, play } from "./postgres-dumps.ts";
import { databaseForEach, postgresForAll, scannedTables } from "./postgres-setup.ts";
import { stored, talk } from "./samples.ts";

const facts = ["isAuthor", "mayRead", "mayTalk", "isAdmin", "isRecalled", "isRecent"] as const;
const actions = ["edit", "recall", "react"] as const;
const tables = ["entry", "mention", "reply", "reaction", "reaction_count", "hidden"] as const;

describe.skipIf(!hasPostgres)("conversations in a PostgreSQL store", () => {
  const db = databaseForEach(postgresForAll());
  const opened = new OpenedStore();
  const asks = new ConversationAsks(opened);
  beforeEach(async () => {
    opened.store = await db.open();
  });
  const problems = async (): Promise<readonly string[]> => (await checkPostgres(db.url, () => undefined)).problems;
  const counts = (): Promise<number[]> =>
    Promise.all(tables.map((table) => db.number(`SELECT count(*) FROM roost.${table}`)));

  /** A message with everything that a message can have. */
  async function richMessage(): Promise<bigint> {
    const first = await asks.send("ann", "bob");
    const id = await asks.send("ann", "bob", { mentions: ["bob"], replyTo: first });
    changed(await asks.edit("ann", id, { body: "edited secret" }));
    changed(await asks.react("bob", id));
    await asks.hide("bob", id);
    return id;
  }

  test("the function of the database says of every combination of facts what rightTo says", async () => {
    for (const action of actions) {
      for (let bits = 0; bits < 1 << facts.length; bits++) {
        const is = (fact: (typeof facts)[number]): boolean => (bits >> facts.indexOf(fact)) % 2 === 1;
        const known: ChangeFacts = {
          isAuthor: is("isAuthor"),
          mayRead: is("mayRead"),
          mayTalk: is("mayTalk"),
          isAdmin: is("isAdmin"),
          isRecalled: is("isRecalled"),
          isRecent: is("isRecent"),
        };
        const [row] = await db.sql<{ verdict: string }[]>`
          SELECT roost.right_to(${action}, ${known.isAuthor}, ${known.mayRead}, ${known.mayTalk}, ${known.isAdmin},
            ${known.isRecalled}, ${known.isRecent}) AS verdict`;
        expect([action, known, row?.verdict]).toEqual([action, known, rightTo(action, known)]);
      }
    }
  });

  test("a purge removes all that a message has with it, and nothing of others", async () => {
    const gone = await richMessage();
    expect(await counts()).toEqual([2, 1, 1, 1, 1, 1]);
    const kept = await asks.send("bob", "ann", { replyTo: gone, mentions: ["ann"] });
    changed(await asks.react("ann", kept));
    await asks.hide("ann", kept);
    await db.sql`SELECT roost.delete_slice(0, ${gone}, 100, null)`;
    expect(await counts()).toEqual([1, 1, 1, 1, 1, 1]);
    expect(await asks.page("bob", "ann")).toEqual([[kept], false, false]);
    expect((await asks.edit("ann", gone)).result).toBe("notFound");
    expect(await problems()).toEqual([]);
  });

  test("a message that is being purged is not there for changes, and nothing waits for the purge", async () => {
    const id = await richMessage();
    const other = await asks.send("ann", "bob");
    await db.sql.begin(async (tx) => {
      await tx`SELECT roost.delete_slice(0, ${id}, 100, null)`;
      expect((await asks.react("bob", id, "b")).result).toBe("notFound");
      expect((await asks.recall("ann", id)).result).toBe("notFound");
      expect((await asks.hide("ann", id)).result).toBe("unchanged");
      expect((await asks.react("bob", other)).result).toBe("stored");
    });
    expect(await counts()).toEqual([1, 0, 0, 1, 1, 0]);
    expect(await problems()).toEqual([]);
  });

  test("of a recalled text no row of the database is left", async () => {
    const id = await richMessage();
    changed(await asks.recall("ann", id));
    const found = await db.sql<{ n: bigint }[]>`
      SELECT count(*) AS n FROM roost.message m WHERE m::text LIKE '%secret%'`;
    expect(found[0]?.n).toBe(0n);
    expect(await db.number("SELECT count(*) FROM roost.entry e WHERE e::text LIKE '%secret%'")).toBe(0);
    expect(await counts()).toEqual([3, 0, 1, 0, 0, 1]);
  });

  test.skipIf(!canDump)("a dump that is played brings conversations back as they were", async () => {
    const id = await richMessage();
    await asks.set("bob", "ann", { isPinned: true });
    await asks.read("bob", "ann", id);
    // Cursors may be lost in a crash, not by a dump.
    await until(async () => (await db.number("SELECT count(*) FROM roost.read_cursor")) === 1, "the cursor is there");
    const before = [await asks.list("bob"), await asks.history("ann", "bob"), await asks.log("bob")];
    const dump = await dumpOf(db.url, "--schema=roost");
    await opened.store.close();
    await db.sql`DROP SCHEMA roost CASCADE`;
    await play(db.url, dump);
    opened.store = await db.open();
    expect([await asks.list("bob"), await asks.history("ann", "bob"), await asks.log("bob")]).toEqual(before);
    expect(await problems()).toEqual([]);
    changed(await asks.recall("ann", id));
  });

  test("reads, changes and cursors go on in a store that replaced the former one", async () => {
    const id = await asks.send("ann", "bob");
    await db.sql`UPDATE roost.account SET name = name`;
    expect(await asks.read("bob", "ann", id)).toBe("moved");
    await db.sql`UPDATE roost.account SET name = name`;
    expect(await asks.page("bob", "ann")).toEqual([[id], false, false]);
    await db.sql`UPDATE roost.account SET name = name`;
    await asks.edit("ann", id).catch(() => undefined);
    await until(async () => (await asks.react("bob", id)).result === "stored", "changes go on");
    expect((await asks.list("bob")).conversations).toMatchObject([{ account: "ann", readId: id }]);
  });

  test("a conversation begins with its first message, whoever stores it, and not with what was refused", async () => {
    for (const name of ["ann", "bob"]) await asks.send(name, "zoe");
    expect((await asks.sent("ann", "bob", { mentions: ["zoe"] })).result).toBe("mentionOfStranger");
    expect(await asks.names("bob")).toEqual(["zoe"]);
    const ids = [await asks.send("ann", "bob"), await asks.send("bob", "ann")];
    const other = await db.open();
    for (const [sender, dest] of [
      ["ann", "bob"],
      ["bob", "ann"],
      ["ann", "ann"],
    ] as const) {
      const [outcome] = await other.append([
        talk({ sender, dest }),
        talk({ sender, dest, clientId: `${sender}-${dest}` }),
      ]);
      if (sender !== dest) ids.push(stored(outcome).messageId);
      expect(
        stored((await asks.store.append([talk({ sender, dest, clientId: `${sender}-${dest}` })]))[0]).repeated,
      ).toBe(true);
    }
    expect((await asks.page("ann", "bob"))[0]).toEqual(expect.arrayContaining(ids));
    expect(await asks.names("ann")).toEqual(["ann", "bob", "zoe"]);
    expect(await db.number("SELECT count(*) FROM roost.conversation")).toBe(7);
    expect(await problems()).toEqual([]);
  });

  test("every look-up is one by an index, also where the tables were empty when it was planned", async () => {
    await asks.newGroup("g1", "ann", "bob");
    for (let round = 0; round < 3; round++) {
      const id = await richMessage();
      const inGroup = await asks.send("ann", "@g1", { mentions: ["*"], clientId: `k${round}` });
      const reply = await asks.send("bob", "@g1", { mentions: ["ann"], replyTo: inGroup });
      changed(await asks.edit("ann", inGroup, { clientId: "k" }));
      expect((await asks.edit("ann", inGroup, { clientId: "k" })).result).toBe("unchanged");
      changed(await asks.react("bob", inGroup));
      changed(await asks.recall("ann", id));
      for (const to of ["ann", "@g1"]) {
        for (const isOn of [true, false]) await asks.set("bob", to, { isPinned: isOn, isHidden: isOn, isMuted: isOn });
        for (const at of ["before", "after", "around"] as const) {
          await asks.history("bob", to, { from: { at, id: inGroup } });
          await asks.history("bob", to, { from: { at, id: inGroup }, thread: inGroup });
        }
      }
      await asks.read("bob", "@g1", reply);
      await asks.messages("bob", [id, inGroup, reply]);
      await asks.list("bob");
      await asks.log("bob", { includeSent: true });
      await asks.log("bob", { includeSent: true, limit: 1 });
      await asks.store.accountState("app", "bob", 0n, 500);
      await asks.store.readers({ app: "app", account: "ann", messageId: inGroup, after: "", limit: 9 });
      await asks.store.contents("app", "bob", [id]);
    }
    const [{ last_id: lastId } = { last_id: 0n }] = await db.sql<{ last_id: bigint }[]>`
      SELECT last_id FROM roost.sequence`;
    // With settings of the planner as a process has them.
    const purging = new Connections({ url: db.url, connectionsMax: 1, idleSecondsMax: 0 });
    await purging.run((sql) => sql`SELECT roost.delete_slice(0, ${lastId}, 100, null)`);
    await purging.close();
    await opened.store.close();
    expect(await scannedTables(db)).toEqual([]);
  });
});

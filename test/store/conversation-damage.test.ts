// The tables of conversations: roost check names what is inconsistent in them, and what a salvage writes is consistent.

import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { checkStore } from "../../src/store/sqlite/check.ts";
import { readsPathOf } from "../../src/store/sqlite/conversations/read-file.ts";
import { leavesOf, openAt, overwrite, pagesOf, StoreFolder } from "../support/damaged-store.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { roost } from "../cli/run-roost.ts";
import { draft, stored, talk } from "./samples.ts";

const stores = new StoreFolder(temporaryFolder("conversation-damage-"));
const messages = 1_000;

/** A closed store with some of everything. */
async function filled(): Promise<string> {
  const path = stores.path("store");
  const store = await openAt(path);
  await store.createGroup(draft({ members: ["bob", "carol"] }));
  const [root] = await store.append([talk({ dest: "bob", body: "root" })]);
  const replyTo = stored(root).messageId;
  const talks = Array.from({ length: messages }, (_, i) =>
    talk({ dest: "bob", body: `${i} `.repeat(10), replyTo, mentions: ["bob"], clientId: `c${i}` }),
  );
  const ids = (await store.append(talks)).map((outcome) => stored(outcome).messageId);
  for (const [i, messageId] of ids.entries()) {
    const change = { app: "app", actor: "bob", messageId };
    if (i % 3 === 0) await store.change({ ...change, kind: "react", reaction: "+1", isOff: false });
    if (i % 50 === 1) await store.change({ ...change, kind: "recall", actor: talk().sender, windowMs: 1e9 });
  }
  await store.hide({ app: "app", account: "bob", messageIds: ids.slice(0, 50) });
  await store.markRead({ app: "app", account: "bob", toGroup: false, dest: talk().sender, messageId: ids[9] ?? 0n });
  await store.close();
  return path;
}

const problemsOf = (path: string): readonly string[] => checkStore(path, () => undefined).logProblems;
const last = "(SELECT max(id) FROM message)";
/** The id of an entry, which no message has. */
const gone = "(SELECT max(id) FROM entry)";

describe("roost check", () => {
  test("finds each inconsistency that damages no page, and none in a sound store", async () => {
    const path = await filled();
    expect(checkStore(path, () => undefined)).toMatchObject({ logProblems: [], reads: { state: "right", marks: 1 } });
    const cases: readonly [sql: string, says: string][] = [
      [`UPDATE entry SET refers = ${gone} WHERE id = (SELECT max(id) FROM entry)`, "1 entries refer to a message"],
      [`UPDATE message SET thread = ${gone} WHERE id = ${last}`, "1 messages are in a thread"],
      [`UPDATE message SET reply_to = ${gone} WHERE id = ${last}`, "1 messages reply to a message"],
      [`UPDATE mention SET id = ${gone} WHERE id = ${last}`, "1 mentions are of a message"],
      [`UPDATE hidden SET id = ${gone} WHERE number = 1`, "1 hidden messages do not exist"],
      [`UPDATE reaction SET message = ${gone} WHERE number = 1`, "1 reactions are to a message"],
      ["UPDATE message SET body = 'again' WHERE state & 2", "20 recalled messages have a text"],
      ["UPDATE message SET state = state & 3 WHERE state & 4", "messages are said to have no reactions"],
      ["UPDATE entry SET actor = 99999 WHERE id = (SELECT max(id) FROM entry)", "1 actors of entries have no name"],
      ["UPDATE reaction SET account = 99999 WHERE number = 1", "1 accounts with reactions have no name"],
      ["INSERT INTO conversation VALUES (77, 1, 99998, 0, 0, 0, 0, 1)", "1 conversations have a partner"],
      ["INSERT INTO conversation VALUES (78, 1, -98, 0, 0, 0, 0, 1)", "1 conversations have a group"],
      [`INSERT INTO conversation VALUES (79, 1, 2, 0, 0, 0, 0, ${last} * 2)`, "are beyond the last id"],
    ];
    for (const [sql, says] of cases) {
      const db = new Database(path, { safeIntegers: true });
      db.run(sql);
      db.close();
      expect(problemsOf(path).join("; ")).toContain(says);
    }
  }, 60_000);

  test("takes what refers to a message that the retention has deleted for no problem", async () => {
    const path = await filled();
    const db = new Database(path);
    db.run("DELETE FROM message WHERE id <= (SELECT id FROM message ORDER BY id LIMIT 1 OFFSET 300)");
    db.close();
    expect(problemsOf(path)).toEqual([]);
  }, 60_000);
});

describe("roost repair --salvage", () => {
  test("saves the tables of conversations and the cursors, and what it writes is consistent", async () => {
    const path = await filled();
    // A page above the leaves has those of many rows.
    for (const page of leavesOf(path).filter((_, at) => at % 29 === 0)) overwrite(path, page);
    overwrite(readsPathOf(path), pagesOf(readsPathOf(path)) - 1);
    const { status, out } = await roost("repair", "--salvage", "--store", `sqlite:${path}`);
    expect([status, out]).toEqual([0, out]);
    const db = new Database(path, { readonly: true });
    const count = (table: string): number =>
      db.query<{ n: number }, []>(`SELECT count(*) AS n FROM "${table}"`).get()?.n ?? 0;
    expect(count("message")).toBeGreaterThan(messages / 2);
    for (const table of ["entry", "mention", "reaction"]) expect([table, count(table)]).not.toEqual([table, 0]);
    db.close();
    const store = await openAt(path);
    await store.close();
    expect(problemsOf(path).filter((problem) => !problem.includes("group counts"))).toEqual([]);
  }, 60_000);
});

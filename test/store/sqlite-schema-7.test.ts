// A SQLite store of schema 7, with data of all kinds, is upgraded: its groups have admins and entries from then on, and
// what was in it stays as it was. A process of schema 7 goes on until it is restarted.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { entryKind } from "../../src/store/conversations.ts";
import { checkStore } from "../../src/store/sqlite/check.ts";
import type { Store } from "../../src/store/store.ts";
import { endings } from "../support/endings.ts";
import { backToSchema7 } from "../support/former-schema.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";
import { draft, stored, talk } from "./samples.ts";
import { openAt } from "./sqlite-files.ts";

const freshPath = temporaryPaths("schema-7-");
const ends = endings();
const change = { app: "app", group: "g1" };

const open = async (path: string): Promise<Store> => {
  const store = await openAt(path, 0);
  ends.push(() => store.close());
  return store;
};

/** A store of schema 7: a group of ann with bob, from which eve was removed; a reaction, a setting, a cursor. */
async function formerStore(): Promise<{ readonly path: string; readonly message: bigint; readonly reaction: bigint }> {
  const path = freshPath();
  const store = await openAt(path, 0);
  await store.createGroup(draft({ members: ["bob", "eve"] }));
  const { messageId: message } = stored((await store.append([talk({ toGroup: true, dest: "g1" })]))[0]);
  const reacted = await store.change({
    ...{ kind: "react", app: "app", actor: "bob", messageId: message, reaction: "a", isOff: false },
  });
  await store.quit({ ...change, actor: "ann", account: "eve" });
  await store.set({ app: "app", account: "bob", toGroup: true, dest: "g1", isPinned: true });
  await store.markRead({ app: "app", account: "bob", toGroup: true, dest: "g1", messageId: message });
  await store.close();
  const db = new Database(path);
  backToSchema7(db);
  db.close();
  return { path, message, reaction: reacted.result === "stored" ? reacted.entry.entryId : 0n };
}

test("is upgraded: what was in it stays, and its group is run from then on", async () => {
  const { path, message, reaction } = await formerStore();
  const store = await open(path);
  const entries = async (account: string) =>
    (
      await store.entries({
        ...{ app: "app", account, device: "", after: 1n, includeSent: true, includeEvents: true, limit: 99 },
      })
    ).entries.map(({ messageId, kind }) => [messageId, kind]);
  const before = [
    [message, entryKind.message],
    [reaction, entryKind.reacted],
  ];
  expect(await entries("bob")).toEqual(before);
  expect(
    await store.groups?.members({ ...change, asker: "bob", after: "", limit: 9, isAdminsOnly: false }),
  ).toMatchObject({
    items: [
      { account: "ann", role: "owner" },
      { account: "bob", role: "member" },
    ],
    group: { announcement: "", hasApproval: false, isForAdmins: false, memberCount: 2 },
  });
  const next = stored((await store.append([talk({ toGroup: true, dest: "g1", sender: "bob" })]))[0]);
  expect(next.previousEntryId).toBe(reaction);
  const admin = await store.groups?.change({ ...change, kind: "role", actor: "ann", account: "bob", role: "admin" });
  if (admin?.result !== "stored") throw new Error("expected stored");
  expect(admin.entries[0]?.previousEntryId).toBe(reaction);
  expect((await store.join({ ...change, actor: "bob", account: "eve" })).result).toBe("changed");
  expect((await entries("bob")).slice(3).map(([, kind]) => kind)).toEqual([entryKind.groupRole, entryKind.groupJoined]);
  expect((await store.people?.block({ app: "app", account: "bob", blocked: "eve", isOff: false }))?.result).toBe(
    "stored",
  );
  expect((await store.append([talk({ sender: "eve" })]))[0]?.result).toBe("unwilling");
  expect(checkStore(path, () => undefined).logProblems).toEqual([]);
});

test("a process of schema 7 goes on: its members and entries are taken as they are", async () => {
  const { path, message } = await formerStore();
  const former = new Database(path, { safeIntegers: true });
  ends.push(() => former.close());
  former.run("PRAGMA busy_timeout = 5000");
  // Prepared before the upgrade, as that process has them.
  const enter = former.prepare<null, [bigint, bigint, bigint, number, number]>(
    `INSERT INTO member ("group", account, from_id, joined_ms, own) VALUES (?, ?, ?, ?, ?)`,
  );
  const update = former.prepare<null, [bigint, bigint]>(`UPDATE "group" SET version = ?, member_count = ?`);
  const addEntry = former.prepare<null, [bigint, bigint, bigint]>(
    `INSERT INTO entry (id, kind, inbox, actor, refers, at_ns, client_id, reaction, is_off)
     VALUES (?, 3, -1, ?, ?, 5, NULL, 'b', 0)`,
  );
  const save = former.prepare<null, [bigint]>("UPDATE sequence SET last_id = ?, committed_ms = 5");
  const numberOf = former.prepare<{ number: bigint }, [string]>("SELECT number FROM account WHERE name = ?");
  const eve = numberOf.get("eve")?.number ?? 0n;
  const store = await open(path);
  const { messageId } = stored((await store.append([talk()]))[0]);
  const [version, entry] = [messageId + 1n, messageId + 2n];
  former.run("BEGIN IMMEDIATE");
  enter.run(1n, eve, version, 5, 1);
  update.run(version, 3n);
  addEntry.run(entry, eve, message);
  save.run(entry);
  former.run("COMMIT");
  const next = stored((await store.append([talk({ toGroup: true, dest: "g1", sender: "eve" })]))[0]);
  expect(next).toMatchObject({ previousEntryId: entry, groupVersion: version });
  const page = await store.groups?.members({ ...change, asker: "eve", after: "", limit: 9, isAdminsOnly: false });
  expect(page).toMatchObject({ items: [{}, {}, { account: "eve", role: "member", alias: "" }] });
  expect(checkStore(path, () => undefined).logProblems).toEqual([]);
});

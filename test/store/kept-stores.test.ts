// Stores that an earlier program wrote are opened, and answer what they answered then: messages, windows of members,
// cursors, clientIds and revocations survive whatever migration lies between.

import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { checkPostgres } from "../../src/store/postgres/check.ts";
import { checkStore } from "../../src/store/sqlite/check.ts";
import { formerPathOf } from "../../src/store/sqlite/index/former-index.ts";
import { indexPathOf } from "../../src/store/sqlite/index/index-file.ts";
import type { Store } from "../../src/store/store.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { answersOf } from "./kept/answers.ts";
import { answersOfKept, postgresDump, sqliteFiles, unpackSqlite } from "./kept/kept-stores.ts";
import { canDump, play } from "./postgres-dumps.ts";
import { databaseForEach, postgresForAll } from "./postgres-setup.ts";
import { stored, talk } from "./samples.ts";
import { openAt } from "./sqlite-files.ts";

const folder = temporaryFolder("roost-kept-stores-");

/** Without end: the stores grow old. */
const retentionDays = 0;

/** A fresh copy of the data folder. */
const unpacked = (): string => unpackSqlite(mkdtempSync(join(folder, "store-")));

/** What is written to a kept store continues what it has. */
async function goesOn(store: Store): Promise<void> {
  const question = { app: "shop", account: "bob", device: "", after: 1n, includeSent: true, limit: 1_000 };
  const before = await store.index(question);
  const direct = before.filter(({ direction, group }) => direction === 0 && group === "").at(-1)?.messageId;
  const ofGroup = before.filter(({ group }) => group === "open").at(-1)?.messageId;
  const [one, other, refused] = await store.append([
    talk({ app: "shop", dest: "bob" }),
    talk({ app: "shop", sender: "dan", toGroup: true, dest: "open" }),
    talk({ app: "shop", sender: "cid", toGroup: true, dest: "open" }),
  ]);
  expect(stored(one)).toMatchObject({ previousId: direct, repeated: false, madeAccount: false });
  expect(stored(other)).toMatchObject({ previousId: ofGroup, repeated: false });
  expect(refused?.result).toBe("forbidden");
  const last = before.at(-1)?.messageId ?? 0n;
  expect(stored(one).messageId).toBeGreaterThan(last);
  const ids = [stored(one).messageId, stored(other).messageId];
  expect((await store.index({ ...question, after: last })).map(({ messageId }) => messageId)).toEqual(ids);
  // A cursor of the store never goes back.
  const phone = { ...question, device: "phone", after: 0n, includeSent: false };
  const [first] = await store.index(phone);
  expect(await store.acknowledge("shop", "bob", "phone", before[0]?.messageId ?? 0n)).toBe("done");
  expect((await store.index(phone))[0]?.messageId).toBe(first?.messageId ?? 0n);
}

describe("a SQLite store of schema 6", () => {
  test("answers what it did, and is sound after it was opened", async () => {
    const path = unpacked();
    const store = await openAt(path, retentionDays);
    expect(await answersOf(store)).toEqual(answersOfKept(sqliteFiles));
    await store.close();
    expect(checkStore(path, () => undefined)).toMatchObject({ logProblems: [], indexProblems: [] });
    const again = await openAt(path, retentionDays);
    expect(await answersOf(again)).toEqual(answersOfKept(sqliteFiles));
    await again.close();
  }, 60_000);

  test("answers the same after its index is made again, and after it was merged", async () => {
    const path = unpacked();
    rmSync(formerPathOf(indexPathOf(path)));
    for (const flushMessages of [8, 4]) {
      const store = await openAt(path, retentionDays, { flushMessages });
      expect(await answersOf(store)).toEqual(answersOfKept(sqliteFiles));
      await store.close();
    }
  }, 60_000);

  test("goes on with ids, logs and cursors", async () => {
    const store = await openAt(unpacked(), retentionDays);
    await goesOn(store);
    await store.close();
  }, 60_000);
});

describe.skipIf(!canDump)("a PostgreSQL store of schema 5", () => {
  const db = databaseForEach(postgresForAll());
  const restored = async (): Promise<Store> => {
    await play(db.url, readFileSync(postgresDump.dumpPath, "utf8"));
    return db.open({ retentionDays });
  };

  test("answers what it did, and is sound after it was opened", async () => {
    const store = await restored();
    expect(await answersOf(store)).toEqual(answersOfKept(postgresDump));
    expect((await checkPostgres(db.url, () => undefined)).problems).toEqual([]);
    const again = await db.open({ retentionDays });
    expect(await answersOf(again)).toEqual(answersOfKept(postgresDump));
  }, 60_000);

  test("goes on with ids, logs and cursors", async () => {
    await goesOn(await restored());
  }, 60_000);
});

test("both engines gave the same answers, but for ids and times", () => {
  const [ofSqlite, ofPostgres] = [sqliteFiles, postgresDump].map((kept) => {
    const numbers = new Map<string, number>();
    const named = (number: string): string => {
      if (!numbers.has(number)) numbers.set(number, numbers.size);
      return `#${numbers.get(number)}`;
    };
    const text = JSON.stringify(answersOfKept(kept), undefined, 1);
    // Ids and nanoseconds by their first appearance; seconds all alike, because several things may have the same one.
    const seconds = text.replaceAll(/"\d{10}"/g, '"a second"');
    return seconds.replaceAll(/\d{16,}/g, named).split("\n");
  }, 60_000);
  expect(ofSqlite).toEqual(ofPostgres);
});

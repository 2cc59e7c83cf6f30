// The index beside the log of a SQLite store is made from the log again when it is lost, damaged or old.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdirSync, rmdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { systemClock } from "../../src/base/clock.ts";
import { createLog } from "../../src/base/log.ts";
import { indexPathOf } from "../../src/store/sqlite/index/index-file.ts";
import { StoreUnavailable, type Store } from "../../src/store/store.ts";
import { backToSchema4 } from "../support/former-schema.ts";
import { until } from "../../scripts/harness/until.ts";
import { stored, talk } from "./samples.ts";
import { failureOf } from "./failure-of.ts";
import { Process } from "./log-process.ts";
import { openAt } from "./sqlite-files.ts";
import { allIds } from "../support/contents.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";

const freshPath = temporaryPaths("sqlite-index-");

/** A closed store of 300 messages with clientIds, in runs of 20; their ids. */
async function filledStore(path: string): Promise<bigint[]> {
  const store = await openAt(path, 15, { flushMessages: 20 });
  const talks = Array.from({ length: 300 }, (_, i) => talk({ clientId: `k${i}` }));
  const ids = (await store.append(talks)).map((outcome) => stored(outcome).messageId);
  await waitForRuns(path);
  await store.close();
  return ids;
}

/** Until all flushes and merges that 300 messages in runs of 20 give rise to are done. */
async function waitForRuns(path: string): Promise<void> {
  const index = new Database(indexPathOf(path), { readonly: true });
  const count = index.prepare<{ runs: number }, []>("SELECT count(*) AS runs FROM run");
  await until(() => count.get()?.runs === 8, "300 messages are 15 runs, of which eight are merged");
  index.close();
}

const damages: readonly [what: string, harm: (indexPath: string) => void][] = [
  ["lost", (indexPath) => rmSync(indexPath)],
  ["overwritten with noise", (indexPath) => writeFileSync(indexPath, "noise ".repeat(10_000))],
  ["cut off", (indexPath) => truncateSync(indexPath, 4_096 * 3)],
  [
    "of another store",
    (indexPath) => {
      const index = new Database(indexPath);
      index.run("UPDATE state SET mark = mark + 1");
      index.close();
    },
  ],
  [
    "ahead of its log",
    (indexPath) => {
      const index = new Database(indexPath);
      index.run("UPDATE state SET folded_id = folded_id + 1000");
      index.close();
    },
  ],
];

for (const [what, harm] of damages) {
  test(`an index that is ${what} is made from the log again when the store is opened or used`, async () => {
    const path = freshPath();
    const ids = await filledStore(path);
    harm(indexPathOf(path));
    const store = await openAt(path, 15, { flushMessages: 20 });
    // A damage that only a look at the damaged page shows is mended in the background.
    await until(async () => (await idsOrFailure(store)).length === ids.length, "the index is complete");
    expect(await allIds(store, "bob")).toEqual(ids);
    await until(async () => (await outcomeOrFailure(store, "k7")) === ids[7], "the writer has the new index");
    await store.close();
    expect(statSync(indexPathOf(path)).mode & 0o777).toBe(0o600);
  });
}

async function idsOrFailure(store: Store): Promise<bigint[]> {
  try {
    return await allIds(store, "bob");
  } catch (error) {
    if (error instanceof StoreUnavailable) return [];
    throw error;
  }
}

async function outcomeOrFailure(store: Store, clientId: string): Promise<bigint> {
  try {
    return stored((await store.append([talk({ clientId })]))[0]).messageId;
  } catch (error) {
    if (error instanceof StoreUnavailable) return 0n;
    throw error;
  }
}

test("a block damaged while the store runs is never served: it is made again, and service returns", async () => {
  const path = freshPath();
  const ids = await filledStore(path);
  const store = await openAt(path, 15, { flushMessages: 20 });
  const index = new Database(indexPathOf(path));
  index.run("UPDATE block SET postings = zeroblob(length(postings))");
  index.close();
  expect(await failureOf(allIds(store, "bob"))).toMatch(
    /index of the messages is damaged: block \d+ of the index is damaged/,
  );
  await until(async () => (await idsOrFailure(store)).length === ids.length, "the index is complete");
  expect(await allIds(store, "bob")).toEqual(ids);
  expect(await outcomeOrFailure(store, "k7")).toBe(ids[7] ?? 0n);
  await store.close();
});

test("an index that was made again is not taken for a removed one when the threads close the damaged one", async () => {
  const path = freshPath();
  const ids = await filledStore(path);
  const lines: string[] = [];
  const log = createLog("info", "text", (line) => lines.push(line));
  const store = await openAt(path, 15, { flushMessages: 20, log });
  const index = new Database(indexPathOf(path));
  index.run("UPDATE block SET postings = zeroblob(length(postings))");
  index.close();
  await until(async () => (await idsOrFailure(store)).length === ids.length, "the index is complete");
  const [wal] = [`${indexPathOf(path)}-wal`].map((file) => statSync(file).ino);
  for (let batch = 0; batch < 10; batch++) {
    await store.append(Array.from({ length: 30 }, () => talk()));
    await Bun.sleep(100);
  }
  expect(lines.filter((line) => /damaged|fail/.test(line))).toHaveLength(1);
  expect(statSync(`${indexPathOf(path)}-wal`).ino).toBe(wal ?? 0);
  await store.close();
});

test("while the index is locked, messages are stored and found; then they are flushed", async () => {
  const path = freshPath();
  const store = await openAt(path, 15, { flushMessages: 20 });
  const somebody = new Database(indexPathOf(path));
  somebody.run("PRAGMA busy_timeout = 5000");
  somebody.run("BEGIN IMMEDIATE");
  const ids: bigint[] = [];
  for (let batch = 0; batch < 10; batch++) {
    const talks = Array.from({ length: 30 }, (_, i) => talk({ clientId: `k${batch}-${i}` }));
    ids.push(...(await store.append(talks)).map((outcome) => stored(outcome).messageId));
  }
  expect(await allIds(store, "bob")).toEqual(ids);
  somebody.run("ROLLBACK");
  somebody.close();
  await store.append([talk()]);
  await waitForRuns(path);
  expect((await allIds(store, "bob")).slice(0, -1)).toEqual(ids);
  await store.close();
});

test("a database of schema 1 is taken over with all that is in it", async () => {
  const path = freshPath();
  const ids = await filledStore(path);
  const db = new Database(path);
  db.run("PRAGMA busy_timeout = 5000");
  // What schema 1 had and later ones have not, and the other way round.
  backToSchema4(db);
  db.run(`
    DROP TABLE identity;
    DROP TABLE owner;
    DROP TABLE horizon;
    DROP TABLE run_time;
    DROP TABLE mark;
    DROP INDEX member_past;
    CREATE INDEX message_inbox ON message (inbox);
    CREATE INDEX message_sender ON message (sender);
    CREATE UNIQUE INDEX message_client ON message (sender, client_id) WHERE client_id IS NOT NULL;
    DROP TABLE log;
    PRAGMA user_version = 1;`);
  db.close();
  for (const end of ["", "-wal", "-shm"]) rmSync(indexPathOf(path) + end, { force: true });
  const store = await openAt(path, 15, { flushMessages: 20 });
  expect(await allIds(store, "bob")).toEqual(ids);
  expect(await outcomeOrFailure(store, "k299")).toBe(ids[299] ?? 0n);
  const next = stored((await store.append([talk()]))[0]);
  expect(next.previousId).toBe(ids[299] ?? 0n);
  await store.close();
  const after = new Database(path);
  expect(after.query("SELECT name FROM sqlite_master WHERE tbl_name = 'message' AND type = 'index'").all()).toEqual([
    { name: "message_thread" },
  ]);
  after.close();
});

test("while the index cannot be opened again, each step says so, and the store can be closed", async () => {
  const path = freshPath();
  await filledStore(path);
  const running = new Process(path, "holder", systemClock, 20);
  const indexPath = indexPathOf(path);
  for (const end of ["", "-wal", "-shm"]) rmSync(indexPath + end, { force: true });
  mkdirSync(indexPath);
  expect(() => running.keeper.rebuild()).toThrow(/SQLITE_CANTOPEN|unable to open/);
  expect(() => running.keeper.compact()).toThrow("the index could not be opened again");
  running.keeper.close();
  rmdirSync(indexPath);
  running.keeper.rebuild();
  while (running.keeper.catchUp().more);
  running.keeper.close();
  running.die();
});

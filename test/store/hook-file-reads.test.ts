// The connection by which the thread of webhooks reads the log itself: what it leaves to the store.

import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { openHookReads, type OwnReads } from "../../src/store/hook-reads.ts";
import type { HookFile, HookReads } from "../../src/store/hooks.ts";
import type { Store } from "../../src/store/store.ts";
import { systemTimers } from "../../src/base/timers.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";
import { say } from "./replaced-store.ts";
import { talk } from "./samples.ts";
import { sqlitePlace } from "./sqlite-place.ts";

const freshPath = temporaryPaths("hook-file-reads-");
/** Longer than a connection is kept that is not used, and than the pause after one has failed. */
const longMs = 10_000;

let path: string;
let store: Store;
let timers: ManualTimers;
let reads: OwnReads;
/** What the store was asked for. */
let asked: string[];
let files: number;

beforeEach(async () => {
  path = freshPath();
  store = await sqlitePlace(path, 100_000).open();
  timers = new ManualTimers();
  asked = [];
  files = 0;
  reads = await openHookReads(asking(store), () => fileOf(store), timers);
});
afterEach(async () => {
  reads.close();
  await store.close();
});

/** The reads of a store, which are noted. */
function asking({ backEnd: { hooks } }: Store): HookReads {
  const noted = <Words extends readonly unknown[], Found>(name: string, read: (...words: Words) => Found) => {
    return (...words: Words): Found => {
      asked.push(name);
      return read(...words);
    };
  };
  return {
    waiting: noted("waiting", (endpoint) => hooks.waiting(endpoint)),
    page: noted("page", (query) => hooks.page(query)),
    records: noted("records", (ids) => hooks.records(ids)),
    receivers: noted("receivers", (ids, membersMax) => hooks.receivers(ids, membersMax)),
  };
}

function fileOf({ backEnd: { hooks } }: Store): Promise<HookFile | undefined> {
  files++;
  return hooks.file();
}

const everything = { after: 0n, limit: 100, apps: ["app"], hasMessages: true, hasEntries: true };
const bodiesOf = async (from: HookReads = reads): Promise<string[]> =>
  (await from.page(everything)).records.map(({ data }): string => {
    const { body }: { readonly body: string } = JSON.parse(data);
    return body;
  });

test("it reads what the store reads, and what is committed meanwhile, without asking the store", async () => {
  const id = await say(store, { body: "one" });
  expect(await bodiesOf()).toEqual(["one"]);
  await say(store, { body: "two" });
  expect(await bodiesOf()).toEqual(["one", "two"]);
  const { hooks } = store.backEnd;
  expect(await reads.page(everything)).toEqual(await hooks.page(everything));
  expect(await reads.records([id])).toEqual(await hooks.records([id]));
  expect(await reads.receivers([id], 10)).toEqual(await hooks.receivers([id], 10));
  expect(await reads.waiting(1n)).toEqual([]);
  expect(asked).toEqual([]);
});

test("a page of many messages is read in slices, and is what the store reads", async () => {
  reads.close();
  reads = await openHookReads(asking(store), () => fileOf(store), systemTimers);
  const bodies = Array.from({ length: 400 }, (_, at) => `message ${at}`);
  await store.append(bodies.map((body) => talk({ body })));
  const { hooks } = store.backEnd;
  for (const limit of [1, 125, 126, 250, 399, 400, 401, 1_000]) {
    const page = await reads.page({ ...everything, limit });
    expect(page).toEqual(await hooks.page({ ...everything, limit }));
    expect(page.records).toHaveLength(Math.min(limit, bodies.length));
  }
  expect(asked).toEqual([]);
});

test("while another file is at the path, the store is asked; when the file is back, it reads again", async () => {
  await say(store, { body: "one" });
  expect(await bodiesOf()).toEqual(["one"]);
  renameSync(path, `${path}.away`);
  writeFileSync(path, "");
  expect(await bodiesOf()).toEqual(["one"]);
  expect(asked).toEqual(["page"]);
  timers.advance(longMs);
  // The path leads to a file that the store has not opened.
  expect(await bodiesOf()).toEqual(["one"]);
  expect(asked).toEqual(["page", "page"]);
  rmSync(path);
  renameSync(`${path}.away`, path);
  timers.advance(longMs);
  expect(await bodiesOf()).toEqual(["one"]);
  expect(asked).toEqual(["page", "page"]);
});

test("the store opens its files again when -wal was removed, and what it stores then is read", async () => {
  await say(store, { body: "one" });
  expect(await bodiesOf()).toEqual(["one"]);
  rmSync(`${path}-wal`);
  // In its place the store is asked, which keeps no file open for it.
  expect(await bodiesOf()).toEqual(["one"]);
  expect(asked).toEqual(["page"]);
  await say(store, { body: "two" });
  timers.advance(longMs);
  expect(await bodiesOf()).toEqual(["one", "two"]);
  expect(asked).toEqual(["page"]);
});

test("it opens no connection beside files of which one was removed, for whose end the store would wait", async () => {
  await say(store, { body: "one" });
  // Then a connection can read it without -wal.
  const db = new Database(path);
  db.run("PRAGMA busy_timeout = 5000");
  db.run("PRAGMA wal_checkpoint(FULL)");
  db.close();
  rmSync(`${path}-wal`);
  expect(await bodiesOf()).toEqual(["one"]);
  expect(asked).toEqual(["page"]);
  await say(store, { body: "two" });
  timers.advance(longMs);
  expect(await bodiesOf()).toEqual(["one", "two"]);
  expect(asked).toEqual(["page"]);
});

test("a connection that nobody uses is closed: the last one that is closed removes -wal", async () => {
  await say(store, { body: "one" });
  expect(await bodiesOf()).toEqual(["one"]);
  timers.advance(longMs);
  expect(timers.pending).toBe(0);
  await store.close();
  expect(existsSync(`${path}-wal`)).toBe(false);
});

test("a connection that is used stays open, until it is closed", async () => {
  await say(store, { body: "one" });
  expect(await bodiesOf()).toEqual(["one"]);
  await store.close();
  expect(existsSync(`${path}-wal`)).toBe(true);
  reads.close();
  expect(existsSync(`${path}-wal`)).toBe(false);
});

test("what it fails to read, the store is asked for, and for a while everything", async () => {
  await say(store, { body: "one" });
  const instead: HookReads = {
    ...asking(store),
    page: () => {
      asked.push("page");
      return Promise.resolve({ records: [], upTo: 7n, isMore: false });
    },
  };
  reads = await openHookReads(instead, () => fileOf(store), timers);
  expect(await bodiesOf()).toEqual(["one"]);
  const db = new Database(path);
  db.run("ALTER TABLE entry RENAME TO entry_away");
  expect(await reads.page(everything)).toEqual({ records: [], upTo: 7n, isMore: false });
  db.run("ALTER TABLE entry_away RENAME TO entry");
  db.close();
  const before = files;
  expect(await bodiesOf()).toEqual([]);
  expect(files).toBe(before);
  timers.advance(longMs);
  expect(await bodiesOf()).toEqual(["one"]);
  expect(asked).toEqual(["page", "page"]);
});

test("a store without a file is asked for everything, and once whether it has one", async () => {
  await say(store, { body: "one" });
  files = 0;
  const none = (): Promise<undefined> => {
    files++;
    return Promise.resolve(undefined);
  };
  reads = await openHookReads(asking(store), none, timers);
  expect(await bodiesOf()).toEqual(["one"]);
  expect(await bodiesOf()).toEqual(["one"]);
  expect(asked).toEqual(["page", "page"]);
  expect(files).toBe(1);
});

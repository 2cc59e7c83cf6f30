// Files of messages as a whole: copied while they are written, told apart from everything that is no backup, put in the
// place of others.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import {
  closeSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { silentLog } from "../../src/base/log.ts";
import { readSeal } from "../../src/store/backup-seal.ts";
import { backUp } from "../../src/store/sqlite/backup/backup.ts";
import { formerPathOf } from "../../src/store/sqlite/index/former-index.ts";
import { indexPathOf } from "../../src/store/sqlite/index/index-file.ts";
import { keepAs, present, putInPlace, receive } from "../../src/store/sqlite/backup/restore.ts";
import { readsPathOf } from "../../src/store/sqlite/conversations/read-file.ts";
import { schemaVersion } from "../../src/store/sqlite/schema.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { StoreFacts } from "../../src/store/store-facts.ts";
import type { Store } from "../../src/store/store.ts";
import { canMount, SmallDisk } from "../support/small-disk.ts";
import { stored, talk } from "./samples.ts";
import { backToSchema4 } from "../support/former-schema.ts";
import { allIds } from "../support/contents.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const root = temporaryFolder("backup-test-");
let places = 0;
function freshPath(): string {
  const folder = join(root, `${places++}`);
  mkdirSync(folder);
  return join(folder, "messages.db");
}
const openAt = (path: string, flushMessages?: number): Promise<Store> =>
  openSqliteStore({
    path,
    retentionDays: 0,
    log: silentLog,
    ...(flushMessages === undefined ? {} : { flushMessages }),
  });

async function write(store: Store, count: number, body = "hello"): Promise<bigint[]> {
  const talks = Array.from({ length: count }, (_, number) => talk({ body: `${body} ${number}` }));
  const outcomes = await store.append(talks);
  return outcomes.map((outcome) => stored(outcome).messageId);
}

function copy(from: string): { path: string; facts: StoreFacts } {
  const path = `${from}.backup-${places++}`;
  closeSync(openSync(path, "wx", 0o600));
  return { path, facts: backUp(from, path, () => undefined).facts };
}

/** What `receive` says of a file that it refuses. */
function refusalOf(path: string): string {
  const to = `${path}.received-${places++}`;
  try {
    receive(path, to, "FILE");
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    rmSync(to, { force: true });
  }
  return "it was taken";
}

/** A store with this many messages, closed, and its backup. */
async function backedUp(count: number): Promise<{ store: string; path: string; facts: StoreFacts; ids: bigint[] }> {
  const store = freshPath();
  const open = await openAt(store);
  const ids = await write(open, count);
  const made = copy(store);
  await open.close();
  return { store, ...made, ids };
}

test("a copy of a store that is being written holds what is only in the write-ahead log", async () => {
  const path = freshPath();
  const store = await openAt(path);
  const ids = await write(store, 500);
  const { path: made, facts } = copy(path);
  expect(facts).toMatchObject({ messages: 500, lastId: `${ids.at(-1)}`, names: 2 });
  expect(statSync(made).mode & 0o777).toBe(0o600);
  // A single file: no program that opens it looks for a write-ahead log.
  const db = new Database(made, { readonly: true });
  expect(db.query("PRAGMA journal_mode").get()).toEqual({ journal_mode: "delete" });
  expect(db.query("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
  db.close();
  await write(store, 10);
  await store.close();
});

test("a seal tells every changed byte, and is not seen by SQLite", async () => {
  const { path, facts } = await backedUp(300);
  expect(readSeal(path, "FILE")?.facts).toMatchObject(facts);
  const size = statSync(path).size;
  for (const at of [50, 5_000, Math.floor(size / 2), size - 513, size - 400]) {
    const changed = `${path}.changed`;
    const bytes = readFileSync(path);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(changed, bytes);
    expect(refusalOf(changed)).toMatch(/^FILE is damaged|^FILE is not|^FILE is cut short/);
  }
});

test("what is no backup is refused with a sentence that names it", async () => {
  const { path } = await backedUp(300);
  const other = join(root, "others");
  mkdirSync(other);
  const file = (name: string, content: string | Uint8Array): string => {
    writeFileSync(join(other, name), content);
    return join(other, name);
  };
  expect(refusalOf(file("empty", ""))).toContain("FILE is empty");
  expect(refusalOf(file("text", "these are my notes\n".repeat(100)))).toContain("FILE is not a store of roost");
  expect(refusalOf(file("short", readFileSync(path).subarray(0, 60)))).toContain("FILE is not a store of roost");
  expect(refusalOf(file("cut", readFileSync(path).subarray(0, 20_000)))).toContain("FILE is cut short");
  expect(refusalOf(other)).toContain("is not a file");
  const foreign = join(other, "foreign.db");
  const db = new Database(foreign);
  db.run("CREATE TABLE t (a)");
  db.close();
  expect(refusalOf(foreign)).toContain("a database of another program");
  const newer = join(other, "newer.db");
  copyFileSync(path, newer);
  truncateSync(newer, statSync(newer).size - 512);
  const changed = new Database(newer);
  changed.run(`PRAGMA user_version = ${schemaVersion + 1}`);
  changed.close();
  expect(refusalOf(newer)).toMatch(/FILE has schema \d+, and this program knows schemas up to/);
  // A page of a file without a seal.
  const page = join(other, "page.db");
  copyFileSync(path, page);
  truncateSync(page, statSync(page).size - 512);
  const at = openSync(page, "r+");
  writeSync(at, Buffer.alloc(4096, 0xaa), 0, 4096, statSync(page).size - 4096);
  closeSync(at);
  expect(refusalOf(page)).toMatch(/FILE is damaged/);
});

test("a store that is damaged is not backed up, and the way out is named", async () => {
  const { store } = await backedUp(3_000);
  // Not any page: one that was freed, or holds nothing, is none that a store is read from.
  const page = Math.floor(readFileSync(store).indexOf("hello 1500") / 4096);
  expect(page).toBeGreaterThan(0);
  const file = openSync(store, "r+");
  writeSync(file, Buffer.alloc(4096, 0xaa), 0, 4096, page * 4096);
  closeSync(file);
  expect(() => copy(store)).toThrow(/is damaged .*so no backup was made; .*roost repair --salvage/);
});

test.skipIf(!canMount())("a store on a disk that is full, which nobody has open, is backed up elsewhere", async () => {
  const { store, ids } = await backedUp(300);
  const disk = new SmallDisk(2);
  try {
    const full = join(disk.folder, "messages.db");
    const again = await openAt(store);
    await again.markRead({ app: "app", account: "bob", toGroup: false, dest: talk().sender, messageId: ids[0] ?? 0n });
    await again.close();
    copyFileSync(store, full);
    copyFileSync(readsPathOf(store), readsPathOf(full));
    disk.fill();
    const to = freshPath();
    closeSync(openSync(to, "wx", 0o600));
    expect(backUp(full, to, () => undefined)).toMatchObject({ facts: { messages: ids.length }, lack: undefined });
    using copied = new Database(to, { readonly: true, safeIntegers: true });
    expect(copied.query("SELECT read_id FROM read_mark").all()).toEqual([{ read_id: ids[0] }]);
  } finally {
    disk.remove();
  }
});

test.skipIf(!canMount())("a disk that is full ends a copy with the disk's own sentence", async () => {
  const { store } = await backedUp(3_000);
  const disk = new SmallDisk(1);
  try {
    disk.fill(65_536);
    const to = join(disk.folder, "copy");
    closeSync(openSync(to, "wx", 0o600));
    expect(() => backUp(store, to, () => undefined)).toThrow(/full/);
  } finally {
    disk.remove();
  }
});

test("a restored store has a mark of its own: an index of another time is not taken for its own", async () => {
  const { store, path } = await backedUp(400);
  // What was written after the backup, and the index of that.
  const later = await openAt(store, 50);
  await write(later, 600, "later");
  await later.close();
  const indexed = readFileSync(indexPathOf(store));
  const others = [formerPathOf(indexPathOf(store)), indexPathOf(store).replace(/\d+\.db$/, "99.db")];
  for (const file of others) writeFileSync(file, indexed);
  const draft = `${store}.draft`;
  const held = receive(path, draft, "FILE");
  expect(present(store, held.lastId)).toMatchObject({ facts: { messages: 1_000 }, newer: 600 });
  putInPlace(store, draft, `${store}.aside`);
  expect([indexPathOf(store), ...others].filter((file) => existsSync(file))).toEqual([]);
  writeFileSync(indexPathOf(store), indexed);

  const again = await openAt(store, 50);
  expect(await allIds(again)).toHaveLength(400);
  const last = BigInt(held.lastId);
  const fresh = await write(again, 100, "fresh");
  expect(fresh.every((id) => id > last)).toBe(true);
  expect(await allIds(again)).toHaveLength(500);
  await again.close();
  const aside = await openAt(`${store}.aside`);
  expect(await allIds(aside)).toHaveLength(1_000);
  await aside.close();
});

test("stores that were restored from one backup are different stores of the same owner", async () => {
  const claim = { fingerprints: ["0123456789abcdef0123456789abcdef"], adopt: false };
  const identityOf = async (path: string): Promise<string | undefined> => {
    const store = await openSqliteStore({ path, retentionDays: 0, log: silentLog, claim });
    await store.close();
    return store.identity?.identity;
  };
  const store = freshPath();
  const identities = [await identityOf(store)];
  const { path } = copy(store);
  for (const place of [store, freshPath(), freshPath()]) {
    const draft = `${place}.draft`;
    receive(path, draft, "FILE");
    putInPlace(place, draft, `${place}.aside`);
    identities.push(await identityOf(place));
    expect(await identityOf(place)).toBe(identities.at(-1));
  }
  expect(new Set(identities).size).toBe(4);
  await expect(openAt(store)).rejects.toThrow("belongs to a cluster");
});

test("the write-ahead log of the old store is kept with it, and is not played into the new one", async () => {
  const { store, path, ids } = await backedUp(200);
  // Files as kill -9 leaves them.
  const killed = freshPath();
  const open = await openAt(store);
  const more = await write(open, 300, "more");
  for (const end of ["", "-wal"]) copyFileSync(store + end, killed + end);
  await open.close();
  expect(statSync(`${killed}-wal`).size).toBeGreaterThan(0);

  const draft = `${killed}.draft`;
  receive(path, draft, "FILE");
  putInPlace(killed, draft, `${killed}.aside`);
  expect(readdirSync(join(killed, "..")).toSorted()).toEqual(["messages.db", "messages.db.aside"]);
  const restored = await openAt(killed);
  expect(await allIds(restored)).toEqual(ids);
  await restored.close();
  const aside = await openAt(`${killed}.aside`);
  expect(await allIds(aside)).toEqual([...ids, ...more]);
  await aside.close();
});

test("a store that cannot be read is kept with its write-ahead log, byte by byte", async () => {
  const { store, path, ids } = await backedUp(200);
  writeFileSync(store, Buffer.alloc(8192, 0xaa));
  writeFileSync(`${store}-wal`, "what was there");
  const draft = `${store}.draft`;
  const held = receive(path, draft, "FILE");
  expect(present(store, held.lastId)?.failure).toContain("not a store of roost");
  putInPlace(store, draft, `${store}.aside`);
  expect(readFileSync(`${store}.aside`)).toEqual(Buffer.alloc(8192, 0xaa));
  expect(readFileSync(`${store}.aside-wal`, "utf8")).toBe("what was there");
  const restored = await openAt(store);
  expect(await allIds(restored)).toEqual(ids);
  await restored.close();
});

test.each(["old log", "no log", "journal"])(
  "a restore that was killed before the new file was in place is undone at the next opening (%s)",
  async (kind) => {
    const { store, ids } = await backedUp(200);
    const killed = freshPath();
    const open = await openAt(store);
    const more = await write(open, 300, "more");
    for (const end of ["", "-wal"]) copyFileSync(store + end, killed + end);
    await open.close();
    // As putInPlace leaves it between its steps, where the log could not be checkpointed.
    const aside = `${killed}.before-restore-20260101T000000Z`;
    linkSync(killed, aside);
    if (kind === "old log") renameSync(`${killed}-wal`, `${aside}-wal`);
    if (kind === "journal") writeFileSync(`${aside}-journal`, "what SQLite takes for no journal");
    // Of an earlier restore that came to its end: nobody's business.
    writeFileSync(`${killed}.before-restore-20250101T000000Z`, "older");
    writeFileSync(`${killed}.before-restore-20250101T000000Z-wal`, "older log");
    const again = await openAt(killed);
    expect(await allIds(again)).toEqual([...ids, ...more]);
    await again.close();
    expect(
      readdirSync(dirname(killed))
        .filter((name) => name.includes("before"))
        .toSorted(),
    ).toEqual(["messages.db.before-restore-20250101T000000Z", "messages.db.before-restore-20250101T000000Z-wal"]);
  },
);

test("on a file system without hard links a store stays in its place while a copy is kept aside", () => {
  const path = join(root, "unlinked.db");
  writeFileSync(path, "the old store", { mode: 0o600 });
  const noLinks = (): never => {
    throw new Error("EPERM: operation not permitted, link");
  };
  keepAs(path, `${path}.aside`, noLinks);
  expect(readFileSync(path, "utf8")).toBe("the old store");
  expect(readFileSync(`${path}.aside`, "utf8")).toBe("the old store");
  expect(() => keepAs(path, `${path}.aside`, noLinks)).toThrow("EPERM");
  expect(readFileSync(`${path}.aside`, "utf8")).toBe("the old store");
});

test("a store that another process reads is not replaced, and nothing changes", async () => {
  const { store, path } = await backedUp(200);
  const open = await openAt(store);
  await write(open, 50);
  const draft = `${store}.draft`;
  receive(path, draft, "FILE");
  expect(() => putInPlace(store, draft, `${store}.aside`)).toThrow(/another program reads the store/);
  expect(existsSync(`${store}.aside`)).toBe(false);
  await write(open, 50);
  expect(await allIds(open)).toHaveLength(300);
  await open.close();
});

test("a plain copy of a store that was stopped is a backup, too, and so is one of the schema before", async () => {
  const { store, ids } = await backedUp(100);
  for (const end of ["-wal", "-shm"]) rmSync(store + end, { force: true });
  const plain = freshPath();
  copyFileSync(store, `${plain}.plain`);
  expect(receive(`${plain}.plain`, plain, "FILE").messages).toBe(100);
  const restored = await openAt(plain);
  expect(await allIds(restored)).toEqual(ids);
  await restored.close();

  const old = new Database(`${plain}.plain`);
  backToSchema4(old);
  const first = ["sequence", "node", "account", "group", "member", "message", "cursor"];
  for (const { name } of old.query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table'").all())
    if (!first.includes(name)) old.run(`DROP TABLE ${name}`);
  old.run("DROP INDEX IF EXISTS member_past");
  for (const column of ["inbox", "sender"]) old.run(`CREATE INDEX message_${column} ON message (${column})`);
  old.run("CREATE UNIQUE INDEX message_client ON message (sender, client_id) WHERE client_id IS NOT NULL");
  old.run("PRAGMA user_version = 1");
  old.close();
  for (const end of ["-wal", "-shm"]) rmSync(`${plain}.plain${end}`, { force: true });
  const upgraded = freshPath();
  expect(receive(`${plain}.plain`, upgraded, "FILE").messages).toBe(100);
  const opened = await openAt(upgraded);
  expect(await allIds(opened)).toEqual(ids);
  await opened.close();
});

test("a sealed file that is put in place by hand is a store like any other", async () => {
  const { path, ids } = await backedUp(100);
  const byHand = freshPath();
  copyFileSync(path, byHand);
  const store = await openAt(byHand);
  const more = await write(store, 2_000);
  expect(await allIds(store)).toEqual([...ids, ...more]);
  await store.close();
});

import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Job } from "../../src/store/jobs.ts";
import { smallestIdAt } from "../../src/store/snowflake.ts";
import { openConnection } from "../../src/store/sqlite/connection.ts";
import { indexPathOf, openOrMakeIndex } from "../../src/store/sqlite/index-file.ts";
import { LogIndex } from "../../src/store/sqlite/log-index.ts";
import { leaseMs, NodeLease } from "../../src/store/sqlite/node-lease.ts";
import { foldMessagesDefault, lists } from "../../src/store/sqlite/posting.ts";
import { migrate, schemaVersion } from "../../src/store/sqlite/schema.ts";
import { openSqliteStore, type SqliteStoreOptions } from "../../src/store/sqlite/sqlite-store.ts";
import { Writer } from "../../src/store/sqlite/writer.ts";
import { StoreUnavailable, type Store } from "../../src/store/store.ts";
import { draft, stored, storeSuite, talk, type StorePlace } from "./store-suite.ts";

const root = mkdtempSync(join(tmpdir(), "store-test-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let places = 0;
const freshPath = (): string => join(root, `${places++}.db`);
const openAt = (path: string, retentionDays = 15, change: Partial<SqliteStoreOptions> = {}): Promise<Store> =>
  openSqliteStore({ path, retentionDays, log: silentLog, ...change });

/** The sentence of a StoreUnavailable. */
async function failureOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof StoreUnavailable) return error.message;
    throw error;
  }
  return "nothing failed";
}

function placeWith(foldMessages: number): StorePlace {
  const path = freshPath();
  return {
    open: () => openAt(path, 15, { foldMessages }),
    remove: async () => {
      for (const file of [path, indexPathOf(path)]) {
        for (const end of ["", "-wal", "-shm"]) rmSync(file + end, { force: true });
      }
    },
  };
}
storeSuite("SQLite store", async () => placeWith(foldMessagesDefault));
storeSuite("SQLite store whose runs are of three messages", async () => placeWith(3));

test("the database files can be read by its owner only", async () => {
  const path = freshPath();
  const store = await openAt(path);
  for (const file of [path, indexPathOf(path)]) {
    for (const end of ["", "-wal", "-shm"]) expect(statSync(file + end).mode & 0o777).toBe(0o600);
  }
  await store.close();
});

test("refuses a newer schema with a sentence that says what to do", async () => {
  const path = freshPath();
  await (await openAt(path)).close();
  const db = new Database(path);
  db.run(`PRAGMA user_version = ${schemaVersion + 1}`);
  db.close();
  expect(await failureOf(openAt(path))).toMatch(
    /has schema 3, and this program knows schemas up to 2; start the newer program/,
  );
});

test("refuses a database of another program, a file that is no database, and a folder that does not exist", async () => {
  const foreign = freshPath();
  const db = new Database(foreign);
  db.run("CREATE TABLE t (a)");
  db.close();
  expect(await failureOf(openAt(foreign))).toMatch(/another program/);
  const noise = freshPath();
  writeFileSync(noise, "this is not a database, it is text that is long enough to be looked at".repeat(20));
  expect(await failureOf(openAt(noise))).toMatch(/cannot be opened: .*NOTADB/);
  expect(await failureOf(openAt(join(root, "nowhere", "x.db")))).toMatch(
    /cannot be opened: .*Check that its folder exists/,
  );
});

test("deletes what is older than the retention, in slices, and keeps the rest", async () => {
  const path = freshPath();
  const first = await openAt(path);
  await first.createGroup(draft({ members: ["bob"] }));
  const kept = stored((await first.append([talk()]))[0]).messageId;
  await first.close();
  const db = new Database(path);
  const oldId = smallestIdAt(Date.now() - 16 * 86_400_000);
  db.transaction(() => {
    const insert = db.prepare(
      "INSERT INTO message SELECT ?, inbox, sender, type, body, extra, sent_ns, NULL FROM message WHERE id = ?",
    );
    for (let i = 0n; i < 5_000n; i++) insert.run(oldId + i, kept);
  })();
  const count = db.prepare<{ rows: number }, []>("SELECT count(*) AS rows FROM message");
  expect(count.get()?.rows).toBe(5_001);
  const second = await openAt(path);
  while ((count.get()?.rows ?? 0) > 1) await Bun.sleep(20);
  expect(count.get()?.rows).toBe(1);
  db.close();
  expect(await second.contents("app", "bob", [kept])).toHaveLength(1);
  await second.close();
});

test("a store that cannot write refuses, says that it is unhealthy, and serves again by itself", async () => {
  const path = freshPath();
  const store = await openAt(path);
  await store.append([talk()]);
  // Another connection puts the clock's row far into the future: as if this machine's clock had been stepped back.
  const db = new Database(path);
  db.run("PRAGMA busy_timeout = 1000");
  db.run("UPDATE sequence SET committed_ms = committed_ms + 3600000");
  expect(await failureOf(store.append([talk()]))).toMatch(/clock is \d+ s behind/);
  expect(store.isHealthy).toBe(false);
  db.run("UPDATE sequence SET committed_ms = committed_ms - 3600000");
  db.close();
  while (!store.isHealthy) await Bun.sleep(20);
  expect(stored((await store.append([talk()]))[0]).repeated).toBe(false);
  await store.close();
});

test("openings take different node numbers and give them back", async () => {
  const path = freshPath();
  const stores = [await openAt(path), await openAt(path)];
  const nodes: bigint[] = [];
  for (const store of stores) nodes.push((stored((await store.append([talk()]))[0]).messageId >> 12n) & 1023n);
  expect(nodes).toEqual([0n, 1n]);
  for (const store of stores) await store.close();
  const db = new Database(path);
  expect(db.query("SELECT * FROM node").all()).toEqual([]);
  db.close();
});

function writerAt(path: string, holder: string, clock: Clock): Writer {
  const db = openConnection({ path, synchronous: "NORMAL", cacheKib: 256 });
  migrate(db, path);
  openOrMakeIndex(indexPathOf(path), db).close();
  return new Writer(db, new LogIndex(db, indexPathOf(path), [lists.received, lists.keyed]), holder, clock);
}
const clockAt = (time: { ms: number }): Clock => ({
  wallMs: () => time.ms,
  wallNs: () => BigInt(time.ms) * 1_000_000n,
  monotonicMs: () => time.ms,
});
const job: Job = ["talk", "app", "ann", false, "bob", 1, "hello", "", ""];

test("refuses to write with a clock over 60 s behind the newest commit, and goes on rising within them", () => {
  const path = freshPath();
  writeFileSync(path, "");
  const time = { ms: Date.now() };
  const writer = writerAt(path, "w", clockAt(time));
  const first = writer.commit([job])[1] ?? 0n;
  time.ms -= 59_000;
  expect(writer.commit([job])[1]).toBe(first + 1n);
  time.ms -= 2_000;
  expect(() => writer.commit([job])).toThrow(/61 s behind/);
  time.ms = Date.UTC(2019, 0, 1);
  expect(() => writer.commit([job])).toThrow(/before 2020/);
});

test("a writer whose lease another one took writes under a new number, and all 1024 leased is refused", () => {
  const path = freshPath();
  writeFileSync(path, "");
  const time = { ms: Date.now() };
  const a = writerAt(path, "a", clockAt(time));
  const node = (writer: Writer): bigint => ((writer.commit([job])[1] ?? 0n) >> 12n) & 1023n;
  expect(node(a)).toBe(0n);
  time.ms += leaseMs + 1;
  const b = writerAt(path, "b", clockAt(time));
  expect(node(b)).toBe(0n);
  expect(node(a)).toBe(1n);
  const db = openConnection({ path, synchronous: "NORMAL", cacheKib: 256 });
  for (let i = 2; i < 1024; i++) new NodeLease(db, `h${i}`).hold(time.ms);
  expect(() => writerAt(path, "c", clockAt(time)).renew()).toThrow(/all 1024 node numbers/);
  db.close();
});

test("kill -9 at random moments loses nothing that was acknowledged, and a restart does not wait", async () => {
  const path = freshPath();
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 1_000_000));
  console.log(`kill seed ${seed}`);
  const acknowledged: bigint[] = [];
  for (let round = 0; round < 4; round++) {
    const child = Bun.spawn([process.execPath, join(import.meta.dir, "store-child.ts"), path], {
      stdout: "pipe",
      stderr: "inherit",
    });
    const lifeMs = 20 + (((seed >> round) * 7919 + seed) % 250);
    let text = "";
    let isArmed = false;
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (isArmed) continue;
      isArmed = true;
      setTimeout(() => child.kill("SIGKILL"), lifeMs);
    }
    await child.exited;
    // The last line may be torn.
    for (const line of text.split("\n").slice(0, -1)) acknowledged.push(BigInt(line));
  }
  const store = await openAt(path);
  const held = new Set<bigint>();
  for (let after = 1n; ;) {
    const page = await store.index({
      app: "app",
      account: "bob",
      device: "",
      after,
      includeSent: false,
      limit: 2000,
    });
    if (page.length === 0) break;
    for (const { messageId } of page) held.add(messageId);
    after = page.at(-1)?.messageId ?? after;
  }
  await store.close();
  expect(acknowledged.length).toBeGreaterThan(0);
  expect(acknowledged.filter((id) => !held.has(id))).toEqual([]);
}, 30_000);

test("two processes that append at once: a reader that pages sees every id once and in order", async () => {
  const path = freshPath();
  const store = await openAt(path);
  const children = [0, 1].map(() =>
    Bun.spawn([process.execPath, join(import.meta.dir, "store-child.ts"), path, "2000"], {
      stdout: "pipe",
      stderr: "inherit",
    }),
  );
  let isDone = false;
  const outputs = Promise.all(children.map((child) => new Response(child.stdout).text())).then((texts) => {
    isDone = true;
    return texts;
  });
  const seen: bigint[] = [];
  for (let after = 1n, wasDone = false; ; wasDone = isDone) {
    const page = await store.index({
      app: "app",
      account: "bob",
      device: "",
      after,
      includeSent: false,
      limit: 100,
    });
    for (const { messageId } of page) seen.push(messageId);
    after = page.at(-1)?.messageId ?? after;
    if (page.length === 0 && wasDone) break;
  }
  const ids = (await outputs).flatMap((text) => text.split("\n").slice(0, -1)).map(BigInt);
  await store.close();
  expect(ids).toHaveLength(4_000);
  expect(seen).toEqual(ids.toSorted((a, b) => (a < b ? -1 : 1)));
}, 30_000);

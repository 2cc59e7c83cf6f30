// A store in SQLite files: who may open them, how processes share them, and what a process that dies leaves.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../src/base/clock.ts";
import { limitValues } from "../../src/base/limits/table.ts";
import type { Job } from "../../src/store/jobs.ts";
import { smallestIdAt } from "../../src/store/snowflake.ts";
import { openConnection } from "../../src/store/sqlite/connection.ts";
import { indexPathOf, openOrMakeIndex } from "../../src/store/sqlite/index/index-file.ts";
import { LogIndex } from "../../src/store/sqlite/index/log-index.ts";
import { leaseMs, NodeLease } from "../../src/store/sqlite/node-lease.ts";
import { lists } from "../../src/store/sqlite/index/posting.ts";
import { migrate, schemaVersion } from "../../src/store/sqlite/schema.ts";
import { Writer } from "../../src/store/sqlite/writer.ts";
import { until } from "../../scripts/harness/until.ts";
import { draft, stored, talk } from "./samples.ts";
import { contentsOf, allIds } from "../support/contents.ts";
import { testSeed } from "../support/random.ts";
import { failureOf } from "./failure-of.ts";
import { openAt } from "./sqlite-files.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";

const freshPath = temporaryPaths("sqlite-store-");

test("the database files can be read by its owner only", async () => {
  const path = freshPath();
  const store = await openAt(path);
  for (const file of [path, indexPathOf(path)]) {
    for (const end of ["", "-wal", "-shm"]) expect(statSync(file + end).mode & 0o777).toBe(0o600);
  }
  await store.close();
});

test.skipIf(process.platform !== "linux")("merges yield to everything else", async () => {
  // A thread that it starts is as patient: the collector's, for example.
  const workers = (): string[] =>
    readdirSync("/proc/self/task")
      .map((thread) => readFileSync(`/proc/self/task/${thread}/stat`, "latin1"))
      .filter((text) => text.includes("(Worker)"));
  // After the name, which may have spaces, from the state on: the seventeenth field (proc_pid_stat(5)).
  const nicenessIn = (text: string): number => Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[16]);
  const own = nicenessIn(readFileSync("/proc/thread-self/stat", "latin1"));
  const yielding = (): number => workers().filter((text) => nicenessIn(text) > own).length;
  // The thread of a store that was closed a moment ago ends by itself.
  await until(() => yielding() === 0, "no thread yields");
  const store = await openAt(freshPath());
  expect(yielding()).toBe(1);
  await store.close();
});

test("refuses a newer schema with a sentence that says what to do", async () => {
  const path = freshPath();
  await (await openAt(path)).close();
  const db = new Database(path);
  db.run(`PRAGMA user_version = ${schemaVersion + 1}`);
  db.close();
  expect(await failureOf(openAt(path))).toMatch(
    new RegExp(
      `has schema ${schemaVersion + 1}, and this program knows schemas up to ${schemaVersion}; start the newer program`,
    ),
  );
});

test("refuses another program's database, a file that is not a database, and a folder that is missing", async () => {
  const foreign = freshPath();
  const db = new Database(foreign);
  db.run("CREATE TABLE t (a)");
  db.close();
  const before = readFileSync(foreign);
  expect(await failureOf(openAt(foreign))).toMatch(/another program/);
  expect(readFileSync(foreign)).toEqual(before);
  const noise = freshPath();
  writeFileSync(noise, "this is not a database, it is text that is long enough to be looked at".repeat(20));
  expect(await failureOf(openAt(noise))).toMatch(/is damaged: .*NOTADB.*roost repair --salvage/);
  expect(await failureOf(openAt(join(freshPath(), "nowhere", "x.db")))).toMatch(
    /cannot be opened: there is no folder .*nowhere; make it, or name another file\.$/,
  );
});

test("deletes what is older than the retention, in slices, and keeps the rest", async () => {
  const path = freshPath();
  const first = await openAt(path);
  await first.createGroup(draft({ members: ["bob"] }));
  const kept = stored((await first.append([talk()]))[0]).messageId;
  await first.close();
  const db = new Database(path);
  // The store's connections may end a little after it is closed.
  db.run("PRAGMA busy_timeout = 5000");
  const oldId = smallestIdAt(Date.now() - 16 * 86_400_000);
  db.transaction(() => {
    const insert = db.prepare(
      `INSERT INTO message (id, inbox, sender, type, body, extra, sent_ns, client_id)
       SELECT ?, inbox, sender, type, body, extra, sent_ns, NULL FROM message WHERE id = ?`,
    );
    for (let i = 0n; i < 5_000n; i++) insert.run(oldId + i, kept);
    // As if the server had run all the time.
    const now = Date.now();
    const day = 86_400_000;
    db.run("INSERT OR REPLACE INTO mark VALUES (?, ?, ?)", [oldId + 5_000n, now - 16 * day, -16 * day]);
    for (const [kind, at, keep] of [
      ["messages", now - 15 * day, 15 * day],
      ["time", now, 0],
    ] as const)
      db.run("INSERT OR REPLACE INTO horizon VALUES (?, ?, ?, ?, ?, 0, 0)", [kind, at, keep, now, day]);
  })();
  const count = db.prepare<{ rows: number }, []>("SELECT count(*) AS rows FROM message");
  expect(count.get()?.rows).toBe(5_001);
  const second = await openAt(path);
  while ((count.get()?.rows ?? 0) > 1) await Bun.sleep(20);
  expect(count.get()?.rows).toBe(1);
  db.close();
  expect(await contentsOf(second, "app", "bob", [kept])).toHaveLength(1);
  await second.close();
});

test("a store that cannot write refuses, says that it is unhealthy, and serves again by itself", async () => {
  const path = freshPath();
  const store = await openAt(path);
  await store.append([talk()]);
  // Another connection takes the row of the last id away.
  const db = new Database(path);
  db.run("PRAGMA busy_timeout = 1000");
  db.run("CREATE TABLE kept AS SELECT * FROM sequence");
  db.run("DELETE FROM sequence");
  expect(await failureOf(store.append([talk()]))).toMatch(/has lost its row of the last id/);
  await until(() => !store.isHealthy, "the store says so");
  db.run("INSERT INTO sequence SELECT * FROM kept");
  db.close();
  while (!store.isHealthy) await Bun.sleep(20);
  expect(stored((await store.append([talk()]))[0]).repeated).toBe(false);
  await store.close();
});

test("writes nothing into a file that was taken away or replaced, and goes on when it is back", async () => {
  const path = freshPath();
  const store = await openAt(path);
  const { messageId } = stored((await store.append([talk()]))[0]);
  renameSync(path, `${path}.away`);
  expect(await failureOf(store.append([talk()]))).toMatch(/was removed or replaced while it was open/);
  expect(store.isHealthy).toBe(false);
  writeFileSync(path, "");
  expect(await failureOf(store.append([talk()]))).toMatch(/was removed or replaced while it was open/);
  renameSync(`${path}.away`, path);
  expect(stored((await store.append([talk()]))[0]).messageId).toBeGreaterThan(messageId);
  await until(() => store.isHealthy, "the store says that it commits again");
  await store.close();
});

test("openings take different node numbers and give them back", async () => {
  const path = freshPath();
  const stores = [await openAt(path), await openAt(path)];
  const nodes: bigint[] = [];
  for (const store of stores) nodes.push((stored((await store.append([talk()]))[0]).messageId >> 12n) & 1023n);
  // In either order: a clock that leaps between the openings makes the first lease look ended, and its holder takes
  // another.
  expect(new Set(nodes)).toEqual(new Set([0n, 1n]));
  for (const store of stores) await store.close();
  const db = new Database(path);
  expect(db.query("SELECT * FROM node").all()).toEqual([]);
  db.close();
});

function writerAt(path: string, holder: string, clock: Clock): Writer {
  const db = openConnection({ path, synchronous: "NORMAL", cacheKib: 256 });
  migrate(db, path);
  openOrMakeIndex(indexPathOf(path), db).close();
  return new Writer(
    db,
    path,
    new LogIndex(db, indexPathOf(path), [lists.received, lists.keyed]),
    holder,
    clock,
    limitValues(),
  );
}

const clockAt = (time: { ms: number }): Clock => ({
  wallMs: () => time.ms,
  wallNs: () => BigInt(time.ms) * 1_000_000n,
  monotonicMs: () => time.ms,
});

const job: Job = {
  kind: "talk",
  app: "app",
  sender: "ann",
  toGroup: false,
  dest: "bob",
  type: 1,
  body: "hello",
  extra: "",
  clientId: "",
  toKnown: false,
};

test("refuses a clock outside 2020 to 2085 with a sentence, and goes on when it is right", () => {
  const path = freshPath();
  writeFileSync(path, "");
  const time = { ms: Date.now() };
  const writer = writerAt(path, "w", clockAt(time));
  const first = writer.commit([job])[1] ?? 0n;
  for (const wrongMs of [Date.UTC(2019, 11, 31), 0, Date.UTC(2086, 0, 1), NaN]) {
    const rightMs = time.ms;
    time.ms = wrongMs;
    expect(() => writer.commit([job])).toThrow(/this machine's clock says .*: ids need a clock between 2020 and 2085/);
    time.ms = rightMs;
  }
  expect(writer.commit([job])[1]).toBe(first + 1n);
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
  for (let i = 2; i < 1024; i++) new NodeLease(db, `h${i}`).hold(time.ms, 0n);
  expect(() => writerAt(path, "c", clockAt(time)).renew()).toThrow(/all 1024 node numbers/);
  db.close();
});

test("kill -9 at random moments loses nothing that was acknowledged, and a restart does not wait", async () => {
  const path = freshPath();
  const seed = testSeed("kill");
  const acknowledged: bigint[] = [];
  for (let round = 0; round < 4; round++) {
    const child = Bun.spawn([process.execPath, join(import.meta.dir, "store-child.ts"), path, "1000000000", "50"], {
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
  const held = new Set(await allIds(store));
  await store.close();
  expect(acknowledged.length).toBeGreaterThan(0);
  expect(acknowledged.filter((id) => !held.has(id))).toEqual([]);
}, 60_000);

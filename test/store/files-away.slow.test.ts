// Files that are taken away, replaced or cut while the store runs: nothing that was acknowledged is lost, and what
// would be lost is not acknowledged.

import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import {
  copyFileSync,
  existsSync,
  linkSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { silentLog } from "../../src/base/log.ts";
import { indexPathOf } from "../../src/store/sqlite/index/index-file.ts";
import { present, putInPlace, receive } from "../../src/store/sqlite/backup/restore.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { type Store } from "../../src/store/store.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";
import { until } from "../../scripts/harness/until.ts";
import { failureOf } from "./failure-of.ts";
import { allIds } from "../support/contents.ts";
import { stored, talk } from "./samples.ts";

const freshPath = temporaryPaths("files-away-");
const openAt = (path: string): Promise<Store> =>
  openSqliteStore({ path, retentionDays: 0, log: silentLog, flushMessages: 200 });

/** A process that stores batches; what it says was acknowledged. */
class Child {
  readonly acknowledged: bigint[] = [];
  private readonly process;
  private readonly reading: Promise<void>;

  constructor(path: string, batches: number) {
    this.process = Bun.spawn(
      [process.execPath, join(import.meta.dir, "store-child.ts"), path, String(batches * 10), "10", "stay"],
      { stdout: "pipe", stderr: "inherit" },
    );
    this.reading = this.read();
  }

  async kill(): Promise<void> {
    this.process.kill("SIGKILL");
    await this.process.exited;
    await this.reading;
  }

  /** Until this many more were acknowledged. */
  async more(count: number): Promise<void> {
    const wanted = this.acknowledged.length + count;
    await until(() => this.acknowledged.length >= wanted, "the child goes on");
  }

  private async read(): Promise<void> {
    let rest = "";
    for await (const chunk of this.process.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.acknowledged.push(BigInt(line));
    }
  }
}

/** The store holds what the children were told, and exactly `ids` where they are given. */
async function expectAll(path: string, children: readonly Child[], ids?: Set<bigint>): Promise<void> {
  const store = await openAt(path);
  const held = new Set(await allIds(store));
  await store.close();
  if (ids !== undefined) expect(held).toEqual(ids);
  for (const { acknowledged } of children) expect(acknowledged.filter((id) => !held.has(id))).toEqual([]);
}

const harms: readonly [what: string, harm: (path: string) => void][] = [
  ["-wal is removed", (path) => rmSync(`${path}-wal`)],
  ["-shm is removed", (path) => rmSync(`${path}-shm`)],
  [
    "-wal and -shm are removed",
    (path) => {
      rmSync(`${path}-wal`);
      rmSync(`${path}-shm`);
    },
  ],
  [
    "-wal is replaced by an empty file",
    (path) => {
      writeFileSync(`${path}-new`, "");
      renameSync(`${path}-new`, `${path}-wal`);
    },
  ],
];
for (const [what, harm] of harms) {
  test(`under load ${what}: it goes on, and after kill -9 all that was acknowledged is there`, async () => {
    const path = freshPath();
    const child = new Child(path, 1_000_000);
    await child.more(500);
    harm(path);
    await child.more(2_000);
    harm(path);
    await child.more(2_000);
    await child.kill();
    await expectAll(path, [child]);
  }, 180_000);
}

test("two processes share the file whose -wal is removed under load: both go on, and nothing is lost", async () => {
  const path = freshPath();
  const children = [new Child(path, 1_000_000), new Child(path, 1_000_000)];
  for (const child of children) await child.more(300);
  rmSync(`${path}-wal`);
  for (const child of children) await child.more(1_000);
  for (const child of children) await child.kill();
  await expectAll(path, children);
}, 180_000);

test("without any traffic -wal is removed: what it held is saved within seconds", async () => {
  const path = freshPath();
  const child = new Child(path, 20);
  await until(() => child.acknowledged.length === 200, "all is stored");
  rmSync(`${path}-wal`);
  await Bun.sleep(3_000);
  await child.kill();
  await expectAll(path, [child]);
}, 180_000);

test("-wal is renamed away and back: the store goes on and loses nothing", async () => {
  const path = freshPath();
  const store = await openAt(path);
  const ids: bigint[] = [];
  const say = async (): Promise<void> => {
    ids.push(...(await store.append([talk(), talk()])).map((outcome) => stored(outcome).messageId));
  };
  await say();
  renameSync(`${path}-wal`, `${path}-away`);
  await say();
  renameSync(`${path}-away`, `${path}-wal`);
  await say();
  await say();
  await store.close();
  const again = await openAt(path);
  expect(await allIds(again)).toEqual(ids);
  await again.close();
}, 180_000);

test("nothing is acknowledged once the database was emptied or cut in place", async () => {
  for (const left of [0, 4096 * 3]) {
    const path = freshPath();
    const first = await openAt(path);
    for (let i = 0; i < 20; i++) await first.append(Array.from({ length: 50 }, () => talk({ body: "x".repeat(200) })));
    await first.close();
    const store = await openAt(path);
    await store.append([talk()]);
    truncateSync(path, left);
    expect(await failureOf(store.append([talk()]))).toMatch(/emptied or cut while it was open|malformed/);
    expect(await failureOf(store.append([talk()]))).not.toBe("nothing failed");
    await until(() => !store.isHealthy, "the store says so");
    await store.close();
  }
}, 180_000);

const sqlite3 = (path: string, command: string): void => {
  const { exitCode, stderr } = Bun.spawnSync(["sqlite3", "-cmd", ".timeout 5000", path, command]);
  expect([exitCode, stderr.toString()]).toEqual([0, ""]);
};
const fill = async (store: Store): Promise<void> => {
  for (let i = 0; i < 20; i++) await store.append(Array.from({ length: 50 }, () => talk({ body: "x".repeat(1_000) })));
};

describe.skipIf(Bun.which("sqlite3") === null)("vacuumed by hand while it is open", () => {
  const shrink = (path: string): void => {
    sqlite3(path, "PRAGMA wal_checkpoint(TRUNCATE)");
    const size = statSync(path).size;
    sqlite3(path, "DELETE FROM message WHERE id IN (SELECT id FROM message ORDER BY id LIMIT 800)");
    sqlite3(path, "VACUUM");
    sqlite3(path, "PRAGMA wal_checkpoint(TRUNCATE)");
    expect(statSync(path).size).toBeLessThan(size / 2);
  };

  /** A store that knows how long its file is. */
  const reopened = async (path: string): Promise<Store> => {
    const first = await openAt(path);
    await fill(first);
    await first.close();
    const store = await openAt(path);
    await store.append([talk()]);
    return store;
  };

  test("a store that became shorter goes on, and is still guarded against a cut", async () => {
    const path = freshPath();
    const store = await reopened(path);
    shrink(path);
    expect(await failureOf(store.append([talk()]))).toBe("nothing failed");
    await Bun.sleep(1_200);
    expect(await failureOf(store.append([talk()]))).toBe("nothing failed");
    expect([store.isHealthy, store.trouble]).toEqual([true, ""]);
    sqlite3(path, "PRAGMA wal_checkpoint(TRUNCATE)");
    expect(await failureOf(store.append([talk()]))).toBe("nothing failed");
    truncateSync(path, 4096 * 3);
    expect(await failureOf(store.append([talk()]))).toMatch(/emptied or cut while it was open|malformed/);
    await store.close();
  }, 180_000);

  test("pages that others have added since may be in the write-ahead log only", async () => {
    const path = freshPath();
    const store = await reopened(path);
    // Another connection stays open: the last one to close would move the log into the file.
    const other = new Database(path);
    shrink(path);
    other.run("PRAGMA wal_autocheckpoint = 0");
    other.run("CREATE TABLE other AS SELECT randomblob(50000) AS bytes");
    expect(await failureOf(store.append([talk()]))).toBe("nothing failed");
    other.close();
    await Bun.sleep(1_200);
    expect([store.isHealthy, store.trouble]).toEqual([true, ""]);
    await store.close();
  }, 180_000);

  test("a vacuum that is only in the log when the process is killed is no foreign log", async () => {
    const path = freshPath();
    const child = new Child(path, 200);
    await until(() => child.acknowledged.length === 2_000, "all is stored");
    sqlite3(path, "PRAGMA wal_checkpoint(TRUNCATE)");
    sqlite3(path, "DELETE FROM message WHERE id IN (SELECT id FROM message ORDER BY id LIMIT 1800)");
    sqlite3(path, "VACUUM");
    await child.kill();
    const store = await openAt(path);
    expect(new Set(await allIds(store))).toEqual(
      new Set(child.acknowledged.toSorted((a, b) => Number(a - b)).slice(1_800)),
    );
    await store.close();
  }, 180_000);
});

const backups: readonly [what: string, make: (from: string, to: string) => void][] = [
  [
    "a backup",
    (from, to) => {
      const db = new Database(from);
      db.run("VACUUM INTO ?", [to]);
      db.close();
    },
  ],
  ["a plain copy", (from, to) => copyFileSync(from, to)],
];
for (const [what, make] of backups) {
  test(`${what} is moved over the open database: after kill -9 it is served, and no foreign log harms it`, async () => {
    const first = freshPath();
    const monday = await openAt(first);
    await fill(monday);
    const ids = new Set(await allIds(monday));
    await monday.close();
    const path = freshPath();
    const child = new Child(path, 1_000_000);
    await child.more(500);
    make(first, `${path}-new`);
    linkSync(path, `${path}-old`);
    renameSync(`${path}-new`, path);
    await until(() => statSync(`${path}-wal`).size === 0, "the log is moved into the file it belongs to");
    await child.kill();
    await expectAll(path, [], ids);
    await expectAll(`${path}-old`, [child]);
  }, 180_000);
}

test("a backup that is copied to the place of a store that was killed is not played into", async () => {
  const path = freshPath();
  const first = freshPath();
  await (await openAt(first)).close();
  const monday = `${first}-backup`;
  const db = new Database(first);
  db.run("VACUUM INTO ?", [monday]);
  db.close();
  const child = new Child(path, 100);
  await until(() => child.acknowledged.length === 1_000, "all is stored");
  await child.kill();
  expect(existsSync(`${path}-shm`)).toBe(true);
  copyFileSync(monday, path);
  const log = readFileSync(`${path}-wal`);
  const failure = await openAt(path).then(
    () => "opened",
    (error: unknown) => String(error),
  );
  expect(failure).toMatch(/-wal is the write-ahead log of an older or another store/);
  expect(readFileSync(path)).toEqual(readFileSync(monday));
  expect(readFileSync(`${path}-wal`)).toEqual(log);
  // A restore keeps both as they are.
  const draft = `${path}.draft`;
  receive(monday, draft, "FILE");
  expect(present(path, "0")?.failure).toMatch(/-wal is the write-ahead log of an older or another store/);
  putInPlace(path, draft, `${path}.aside`);
  expect(readFileSync(`${path}.aside`)).toEqual(readFileSync(monday));
  expect(readFileSync(`${path}.aside-wal`)).toEqual(log);
  await expectAll(path, []);
}, 180_000);

test("the index's -wal is removed under load: the index is made again, and nothing is missing in it", async () => {
  const path = freshPath();
  const child = new Child(path, 1_000_000);
  await child.more(1_000);
  rmSync(`${indexPathOf(path)}-wal`);
  await child.more(2_000);
  await child.kill();
  await expectAll(path, [child]);
}, 180_000);

// roost backup as a person runs it, beside a running server.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { lockStore } from "../../src/cli/data-folder.ts";
import { silentLog } from "../../src/base/log.ts";
import { schemaVersion } from "../../src/store/sqlite/schema.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";
import { canMount, SmallDisk } from "../support/small-disk.ts";
import { roost, run } from "../../scripts/harness/server-process.ts";
import { folder, disks, start, client, talks, idsOf, idsIn, leftIn, fill } from "./backup-support.ts";
import { useFolder } from "./backup-support.ts";

useFolder();

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

test("a backup beside talks holds all that was acknowledged before it; kill -9 after it changes nothing", async () => {
  const server = await start();
  const alice = await client(server, "alice");
  const before = await talks(alice, "bob", 500);
  const over = new AbortController();
  const during: bigint[] = [];
  const going = (async () => {
    while (!over.signal.aborted) during.push(...(await talks(alice, "bob", 20, "meanwhile")));
  })();
  const [one, two] = await Promise.all([run(["backup", "one.db"], folder), run(["backup", "two.db"], folder)]);
  const same = await Promise.all([run(["backup", "same.db"], folder), run(["backup", "same.db"], folder)]);
  over.abort();
  await going;
  // One of two gets the name, and nothing replaces what it has made.
  expect(same.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([0, 1]);
  await alice.close();
  await server.end("SIGKILL");
  expect([one.status, two.status, one.out]).toEqual([0, 0, ""]);
  expect(one.err).toMatch(/backed up \d+ messages up to id \d+, the newest of 20.*one\.db\n.*keep a copy of .*secret/s);
  for (const name of ["one.db", "two.db", "same.db"]) {
    expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    const ids = new Set(idsIn(join(folder, name)));
    expect(before.filter((id) => !ids.has(id))).toEqual([]);
  }
  expect(leftIn(folder)).toEqual([]);
  // The server's own: nothing that was answered meanwhile is missing.
  const again = await start();
  const bob = await client(again, "bob");
  const all = new Set(await idsOf(bob));
  expect([...before, ...during].filter((id) => !all.has(id))).toEqual([]);
  await bob.close();
}, 120_000);

test("a wrong command line is reported in one sentence, and changes nothing", async () => {
  mkdirSync(join(folder, "data"));
  await fill(join(folder, "data", "messages.db"), 200);
  mkdirSync(join(folder, "a-folder"));
  writeFileSync(join(folder, "there"), "mine");
  writeFileSync(join(folder, "text"), "these are my notes\n".repeat(100));
  symlinkSync(join(folder, "data", "messages.db"), join(folder, "link"));
  const foreign = new Database(join(folder, "foreign.db"));
  foreign.run("CREATE TABLE t (a)");
  foreign.close();
  expect((await run(["backup", "good.db"], folder)).status).toBe(0);
  const good = readFileSync(join(folder, "good.db"));
  writeFileSync(join(folder, "cut.db"), good.subarray(0, 20_000));
  const flipped = Buffer.from(good);
  flipped.fill(0xaa, 8192, 12_288);
  writeFileSync(join(folder, "flipped.db"), flipped);
  writeFileSync(join(folder, "newer.db"), good);
  truncateSync(join(folder, "newer.db"), good.length - 512);
  const newer = new Database(join(folder, "newer.db"));
  newer.run(`PRAGMA user_version = ${schemaVersion + 1}`);
  newer.close();

  const cases: [string[], number, string][] = [
    [["backup"], 2, "FILE is missing"],
    [["backup", "a", "b"], 2, "one word too many"],
    [["backup", "x", "--store", "redis://x"], 2, "--store: invalid value"],
    [["backup", "a-folder"], 1, "is a folder: expected a file"],
    [["backup", "there"], 1, "already exists; choose another name, or replace it with --replace"],
    [["backup", "nowhere/x"], 1, "there is no folder"],
    [["backup", "there/x"], 1, "there"],
    [["backup", "/dev/null", "--replace"], 1, "use - to write the backup to standard output"],
    [["backup", "data/messages.db", "--replace"], 1, "belongs to the store itself"],
    [["backup", "link", "--replace"], 1, "belongs to the store itself"],
    [["backup", "data/messages.db-wal"], 1, "belongs to the store itself"],
    [["backup", "data/messages-index.db"], 1, "belongs to the store itself"],
    [["backup", "data/messages-index-4.db-wal"], 1, "belongs to the store itself"],
    [["backup", "x", "--data", "none"], 1, "there is no store at"],
    [["backup", "x", "--store", "sqlite:text"], 1, "not a store of roost"],
    [["backup", "x", "--store", "sqlite:foreign.db"], 1, "a database of another program"],
    [["restore", "none"], 1, "there is no file"],
    [["restore", "a-folder"], 1, "is not a file"],
    [["restore", "data/messages.db"], 1, "is the store itself"],
    [["restore", "text", "--replace"], 1, "is not a store of roost"],
    [["restore", "foreign.db", "--replace"], 1, "a database of another program"],
    [["restore", "cut.db", "--replace"], 1, "is cut short"],
    [["restore", "flipped.db", "--replace"], 1, "is damaged"],
    [["restore", "newer.db", "--replace"], 1, "this program knows schemas up to"],
    [["restore", "good.db"], 1, "--replace"],
  ];
  const untouched = readFileSync(join(folder, "data", "messages.db"));
  for (const [words, status, told] of cases) {
    const finished = await run(words, folder);
    expect([words, finished.status]).toEqual([words, status]);
    expect(finished.err).toContain(told);
    expect(finished.err.trim().split("\n")).toHaveLength(1);
  }
  expect(readFileSync(join(folder, "data", "messages.db"))).toEqual(untouched);
  expect(readFileSync(join(folder, "there"), "utf8")).toBe("mine");
  expect([...leftIn(folder), ...leftIn(join(folder, "data"))]).toEqual([]);

  expect((await run(["backup", "there", "--replace"], folder)).status).toBe(0);
  expect(idsIn(join(folder, "there"))).toHaveLength(200);
  // A user without write access gets an error. Root has access everywhere but in a read-only file system.
  const closed = await run(["backup", "/proc/x"], folder);
  expect(closed.status).toBe(1);
  expect(closed.err).toContain("cannot write to the folder /proc");
}, 120_000);

test("a damaged store is not backed up, and an earlier backup stays what it was", async () => {
  mkdirSync(join(folder, "data"));
  const path = join(folder, "data", "messages.db");
  await fill(path, 3_000, "hello ".repeat(20));
  expect((await run(["backup", "kept.db"], folder)).status).toBe(0);
  const kept = readFileSync(join(folder, "kept.db"));
  const file = openSync(path, "r+");
  writeSync(file, Buffer.alloc(4096, 0xaa), 0, 4096, Math.floor(statSync(path).size / 8192) * 4096);
  closeSync(file);
  const refused = await run(["backup", "kept.db", "--replace"], folder);
  expect(refused.status).toBe(1);
  expect(refused.err).toContain("roost repair --salvage");
  expect(readFileSync(join(folder, "kept.db"))).toEqual(kept);
  expect(leftIn(folder)).toEqual([]);
  const restored = await run(["restore", "kept.db", "--replace"], folder);
  expect(restored.status).toBe(0);
  expect(idsIn(path)).toHaveLength(3_000);
}, 120_000);

test.skipIf(!canMount())(
  "a backup for which there is no room is refused, one whose disk fills is removed, and the server goes on",
  async () => {
    mkdirSync(join(folder, "data"));
    await fill(join(folder, "data", "messages.db"), 24_000, "x".repeat(1_000));
    const server = await start();
    const small = new SmallDisk(24);
    disks.push(small);
    const refused = await run(["backup", join(small.folder, "x.db")], folder);
    expect(refused.status).toBe(1);
    expect(refused.err).toMatch(/the backup needs \d.* MB, but .*disk.* has .* left; choose a file on another disk/);
    expect(readdirSync(small.folder)).toEqual([]);

    // There is room when it begins, and none when it ends: others write meanwhile.
    const disk = new SmallDisk(60);
    disks.push(disk);
    const filling = Bun.spawn([...roost, "backup", join(disk.folder, "x.db")], {
      cwd: folder,
      env: { PATH: process.env["PATH"] ?? "", HOME: folder },
      stderr: "pipe",
    });
    const written = (): number => leftIn(disk.folder).map((name) => sizeOf(join(disk.folder, name)))[0] ?? 0;
    while (written() === 0 && filling.exitCode === null) await Bun.sleep(1);
    disk.fill();
    const status = await filling.exited;
    const err = await new Response(filling.stderr).text();
    // A copy that was faster than the disk filled is whole.
    if (status === 0) expect(idsIn(join(disk.folder, "x.db"))).toHaveLength(24_000);
    else {
      expect(status).toBe(1);
      expect(err).toMatch(/no backup was made: .*(full|ENOSPC|no space)/i);
      expect(err.trim().split("\n")).toHaveLength(1);
      expect(readdirSync(disk.folder)).toEqual(["ballast"]);
    }
    const alice = await client(server, "alice");
    expect(await talks(alice, "bob", 10)).toHaveLength(10);
    await alice.close();
    expect(await server.end("SIGTERM")).toBe(0);
  },
  120_000,
);

test("a file that chat services share is backed up beside all of them, and is not replaced under them", async () => {
  const path = join(folder, "shared.db");
  const unlock = lockStore(path, "shared");
  const stores = await Promise.all([0, 1].map(() => openSqliteStore({ path, retentionDays: 0, log: silentLog })));
  const one = { app: "default", toGroup: false, dest: "bob", type: 1, body: "x", extra: "", clientId: "" };
  const append = async (store: Store, sender: string): Promise<void> => {
    await store.append(Array.from({ length: 250 }, () => ({ ...one, sender })));
  };
  await Promise.all(stores.map((store, at) => append(store, `sender ${at}`)));
  const made = await run(["backup", "x.db", "--store", `sqlite:${path}`], folder);
  expect(made.status).toBe(0);
  expect(idsIn(join(folder, "x.db"))).toHaveLength(500);
  const refused = await run(["restore", "x.db", "--replace", "--store", `sqlite:${path}`], folder);
  expect(refused.status).toBe(1);
  expect(refused.err).toContain(`another roost uses the message file ${path}`);
  await Promise.all(stores.map((store, at) => append(store, `sender ${at}`)));
  await Promise.all(stores.map((store) => store.close()));
  expect(idsIn(path)).toHaveLength(1_000);
  unlock();
  expect((await run(["restore", "x.db", "--replace", "--store", `sqlite:${path}`], folder)).status).toBe(0);
  expect(idsIn(path)).toHaveLength(500);
}, 60_000);

test("neither a store with a write-ahead log nor a link to it is a backup", async () => {
  const server = await start();
  const alice = await client(server, "alice");
  await talks(alice, "bob", 50);
  await alice.close();
  await server.end("SIGKILL");
  symlinkSync(join(folder, "data", "messages.db"), join(folder, "latest.db"));
  const refused = await run(["restore", "latest.db", "--data", "elsewhere"], folder);
  expect(refused.status).toBe(1);
  expect(refused.err).toMatch(/is incomplete without .*messages\.db-wal/);
});

test("a signal removes what a backup has written so far", async () => {
  mkdirSync(join(folder, "data"));
  await fill(join(folder, "data", "messages.db"), 20_000, "x".repeat(1_000));
  const child = Bun.spawn([...roost, "backup", "x.db"], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", HOME: folder },
    stderr: "ignore",
  });
  while (leftIn(folder).length === 0 && child.exitCode === null) await Bun.sleep(1);
  child.kill("SIGTERM");
  const status = await child.exited;
  expect([0, 143]).toContain(status);
  expect(leftIn(folder)).toEqual([]);
  expect(existsSync(join(folder, "x.db"))).toBe(status === 0);
}, 60_000);

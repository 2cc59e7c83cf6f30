// roost backup and roost restore as a person runs them, beside a running server and in the place of a stopped one.

import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { lockStore } from "../../src/cli/data-folder.ts";
import { silentLog } from "../../src/base/log.ts";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { schemaVersion } from "../../src/store/sqlite/schema.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";
import { canMount, SmallDisk } from "../support/small-disk.ts";
import { Random, testSeed } from "../support/random.ts";
import { readIndex } from "../support/commands.ts";
import { WireClient } from "../support/wire-client.ts";
import { roost, run, ServerProcess } from "../../scripts/harness/server-process.ts";

let folder: string;
const disks: SmallDisk[] = [];
const servers: ServerProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "roost-backup-"));
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.end("SIGKILL")));
  for (const disk of disks.splice(0)) disk.remove();
  rmSync(folder, { recursive: true, force: true });
});

async function start(words: readonly string[] = []): Promise<ServerProcess> {
  const server = await ServerProcess.start(folder, words);
  servers.push(server);
  return server;
}

async function client(server: ServerProcess, account: string, words: readonly string[] = []): Promise<RoostClient> {
  const { out } = await run(["token", "--account", account, ...words], folder);
  return RoostClient.connect({ url: server.tcp, token: out.trim(), reconnect: false });
}

async function talks(from: RoostClient, to: string, count: number, body = "hello"): Promise<bigint[]> {
  const stored = await Promise.all(
    Array.from({ length: count }, (_, number) => from.talkToUser(to, { body: `${body} ${number}` })),
  );
  return stored.map(({ id }) => id);
}

async function idsOf(reader: RoostClient, from = 1n): Promise<bigint[]> {
  const ids: bigint[] = [];
  for (let after = from; ;) {
    const page = await reader.index(after, false);
    const last = page.at(-1);
    if (last === undefined) return ids;
    for (const { messageId } of page) ids.push(messageId);
    after = last.messageId;
  }
}

/**
 * Ids that a file of messages holds, opened as a server does it: what a process that was killed has left is rolled
 * back.
 */
function idsIn(path: string): bigint[] {
  const db = new Database(path, { readwrite: true, create: false, safeIntegers: true });
  try {
    return db
      .query<{ id: bigint }, []>("SELECT id FROM message ORDER BY id")
      .all()
      .map(({ id }) => id);
  } finally {
    db.close();
  }
}

/** Everything in a folder but what the server itself keeps there. */
const leftIn = (path: string): string[] => readdirSync(path).filter((name) => /partial|restoring/.test(name));

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** A store with so many messages, without a server. */
async function fill(path: string, count: number, body = "hello"): Promise<void> {
  const store = await openSqliteStore({ path, retentionDays: 0, log: silentLog });
  const one = { app: "default", sender: "alice", toGroup: false, dest: "bob", type: 1, extra: "", clientId: "" };
  for (let at = 0; at < count; at += 1_000)
    await store.append(Array.from({ length: Math.min(1_000, count - at) }, () => ({ ...one, body })));
  await store.close();
}

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

test("a restored server serves the backup, its ids rise above it, and a future cursor is served from 0", async () => {
  const server = await start();
  const alice = await client(server, "alice");
  const kept = await talks(alice, "bob", 120);
  expect((await run(["backup", "kept.db"], folder)).status).toBe(0);
  const lost = await talks(alice, "bob", 80, "later");

  const refused = await run(["restore", "kept.db", "--replace"], folder);
  expect(refused.status).toBe(1);
  expect(refused.err).toContain("another roost uses the data folder");
  await alice.close();
  await server.end("SIGKILL");

  const asked = await run(["restore", "kept.db"], folder);
  expect(asked.status).toBe(1);
  expect(asked.err).toMatch(
    /holds 200 messages .*; 80 of them are newer than the backup\. .*holds 120 messages.*--replace/,
  );
  const restored = await run(["restore", "kept.db", "--replace"], folder);
  expect(restored).toMatchObject({ status: 0, out: "" });
  expect(restored.err).toMatch(/restored 120 messages .*kept as .*messages\.db\.before-restore-/s);
  const data = join(folder, "data");
  expect(leftIn(data)).toEqual([]);
  const [aside = ""] = readdirSync(data).filter((name) => name.startsWith("messages.db.before-restore-"));
  expect(idsIn(join(data, aside))).toEqual([...kept, ...lost]);

  const again = await start();
  // A device that has acknowledged nothing by itself: the library does so when it has delivered.
  const token = (await run(["token", "--account", "bob"], folder)).out.trim();
  const bob = await WireClient.connect(again.tcp.replace("tcp://", ""));
  await bob.signIn(token);
  expect((await readIndex(bob, 1n)).map(({ messageId }) => messageId)).toEqual(kept);
  // Its cursor is of the time that was lost.
  const [future = 0n] = lost.slice(-1);
  expect((await readIndex(bob, future)).map(({ messageId }) => messageId)).toEqual(kept);
  const writer = await client(again, "alice");
  const fresh = await talks(writer, "bob", 5, "fresh");
  expect(fresh.every((id) => id > (kept.at(-1) ?? 0n))).toBe(true);
  expect((await readIndex(bob, kept.at(-1))).map(({ messageId }) => messageId)).toEqual(fresh);
  await writer.close();
  bob.terminate();
  expect(await again.end("SIGTERM")).toBe(0);
}, 120_000);

test("a backup goes through a pipe into another folder", async () => {
  const server = await start();
  const alice = await client(server, "alice");
  const ids = await talks(alice, "bob", 300);
  await alice.close();
  const words = roost.map((word) => `'${word}'`).join(" ");
  const piped = Bun.spawnSync(["bash", "-o", "pipefail", "-c", `${words} backup - | ${words} restore - --data other`], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", HOME: folder },
  });
  expect(piped.stderr.toString()).toMatch(/backed up 300 messages.*restored 300 messages/s);
  expect(piped.exitCode).toBe(0);
  expect(leftIn(join(folder, "data"))).toEqual([]);
  expect(leftIn(join(folder, "other"))).toEqual([]);
  expect(readdirSync(join(folder, "other")).filter((name) => name.includes("before"))).toEqual([]);
  const other = await start(["--data", "other", "--secret-file", join(folder, "data", "secret")]);
  const bob = await client(other, "bob");
  expect(await idsOf(bob)).toEqual(ids);
  await bob.close();

  // A reader that ends early, and a pipe that brings nothing.
  const cut = Bun.spawnSync(["bash", "-o", "pipefail", "-c", `${words} backup - | head -c 100 >/dev/null`], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", HOME: folder },
  });
  expect([0, 1]).toContain(cut.exitCode);
  const nothing = await run(["restore", "-", "--data", "third"], folder);
  expect(nothing).toMatchObject({ status: 1 });
  expect(nothing.err).toContain("the backup from standard input is empty");
}, 120_000);

test("what is asked wrongly is told in one sentence, and changes nothing", async () => {
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
  // Whoever may not write there is told so. Root may: a file system that nobody may write to.
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

test.skipIf(!canMount())(
  "a restore for which there is no room leaves the old store as it was",
  async () => {
    await fill(join(folder, "big.db"), 6_000, "x".repeat(1_000));
    expect((await run(["backup", "x.db", "--store", `sqlite:${join(folder, "big.db")}`], folder)).status).toBe(0);
    const disk = new SmallDisk(4);
    disks.push(disk);
    await fill(join(disk.folder, "messages.db"), 100);
    const before = readdirSync(disk.folder);
    const refused = await run(["restore", "x.db", "--replace", "--data", disk.folder], folder);
    expect(refused.status).toBe(1);
    expect(refused.err).toMatch(/^roost: nothing was restored: .*no space.*\n$/i);
    expect(readdirSync(disk.folder).filter((name) => !name.includes("lock"))).toEqual(before);
    expect(idsIn(join(disk.folder, "messages.db"))).toHaveLength(100);
  },
  60_000,
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

test.skipIf(userInfo().uid !== 0)(
  "what root puts in place belongs to whom the server runs as",
  async () => {
    const data = join(folder, "data");
    const owner = 12_345;
    mkdirSync(data);
    await fill(join(data, "messages.db"), 100);
    chownSync(data, owner, owner);
    for (const name of readdirSync(data)) chownSync(join(data, name), owner, owner);
    expect((await run(["backup", "x.db"], folder)).status).toBe(0);
    expect((await run(["restore", "x.db", "--replace"], folder)).status).toBe(0);
    rmSync(join(data, "messages.db"));
    expect((await run(["restore", "x.db"], folder)).status).toBe(0);
    const names = readdirSync(data);
    expect(names.length).toBeGreaterThan(3);
    for (const name of names) expect([name, statSync(join(data, name)).uid]).toEqual([name, owner]);
  },
  60_000,
);

test("a link to a store with a write-ahead log is no backup, as the store itself is none", async () => {
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

test("what a restore that was killed had received can be restored itself", async () => {
  const path = join(folder, "data", "messages.db");
  mkdirSync(join(folder, "data"), { mode: 0o700 });
  await fill(path, 20);
  expect((await run(["backup", "made.db"], folder)).status).toBe(0);
  const left = `${path}.restoring-0123456789ab`;
  renameSync(join(folder, "made.db"), left);
  const restored = await run(["restore", left, "--replace"], folder);
  expect(restored).toMatchObject({ status: 0, err: expect.stringContaining("restored 20 messages") });
  expect(existsSync(left)).toBe(true);
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

test("whenever a restore is killed, the old store or the new one is in place, and a second run works", async () => {
  const seed = testSeed("backup");
  const random = new Random(seed);
  mkdirSync(join(folder, "data"));
  const path = join(folder, "data", "messages.db");
  await fill(path, 6_000, "new ".repeat(250));
  expect((await run(["backup", "new.db"], folder)).status).toBe(0);
  rmSync(path);
  await fill(path, 100, "old");
  for (let round = 0; round < 8; round++) {
    const child = Bun.spawn([...roost, "restore", "new.db", "--replace"], {
      cwd: folder,
      env: { PATH: process.env["PATH"] ?? "", HOME: folder },
      stderr: "ignore",
    });
    // From its first file on: before that nothing happens that could be cut.
    while (leftIn(join(folder, "data")).length === 0 && child.exitCode === null) await Bun.sleep(1);
    await Bun.sleep(random.below(120));
    child.kill("SIGKILL");
    await child.exited;
    const count = idsIn(path).length;
    expect([100, 6_000]).toContain(count);
  }
  const last = await run(["restore", "new.db", "--replace"], folder);
  expect(last).toMatchObject({ status: 0 });
  expect(idsIn(path)).toHaveLength(6_000);
  expect(leftIn(join(folder, "data"))).toEqual([]);
}, 120_000);

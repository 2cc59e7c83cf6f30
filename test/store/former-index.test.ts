// An index of the former schema serves what it has until the one beside it is complete, and stays while it is used.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { existsSync, renameSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { outcome, talkJob } from "../../src/store/jobs.ts";
import { checkStore } from "../../src/store/sqlite/check.ts";
import { formerPathOf, indexesBeside, isIndexPath } from "../../src/store/sqlite/index/former-index.ts";
import { indexPathOf, indexSchemaVersion, openIndex, removeIndex } from "../../src/store/sqlite/index/index-file.ts";
import { toFormerIndex } from "../support/former-index.ts";
import { allIds } from "../support/contents.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";
import { runsOf, say, type World, worlds } from "./log-and-runs.ts";
import { commit, idsOf, type Process } from "./log-process.ts";
import { stored, talk } from "./samples.ts";
import { openAt } from "./sqlite-files.ts";

const newWorld = worlds();
const freshPath = temporaryPaths("former-index-");
const idMax = 2n ** 63n - 1n;
const flushMessages = 4;
/** Fewer than the messages of a world. */
const unflushedMax = 16;
const worldMessages = 90;

/** The index of a store, and that of the former schema. */
const pathsOf = (path: string): { readonly own: string; readonly former: string } => {
  const own = indexPathOf(path);
  return { own, former: formerPathOf(own) };
};

function versionOf(indexPath: string): number {
  using index = new Database(indexPath, { readonly: true });
  return index.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
}

function copyIndex(from: string, to: string): void {
  using index = new Database(from);
  index.run("VACUUM INTO ?", [to]);
}

const sayMany = (process: Process, count: number): bigint[] =>
  Array.from({ length: count }, (_, i) => say(process, { clientId: `k${i}` }));

/** Its lease ends, too. */
function kill(world: World, process: Process): void {
  process.die();
  world.nowMs += 6_000;
}

/** Lets some messages be flushed and merged, gives the index the former schema, and returns the ids to bob. */
function formerWorld(): { world: World; ids: bigint[]; own: string; former: string } {
  const world = newWorld(flushMessages, { unflushedMax });
  const process = world.start();
  const ids = sayMany(process, worldMessages);
  process.settle();
  kill(world, process);
  toFormerIndex(indexPathOf(world.path));
  return { world, ids, ...pathsOf(world.path) };
}

const numberOf = (log: Database, name: string): number =>
  Number(log.query<{ number: bigint }, [string]>("SELECT number FROM account WHERE name = ?").get(name)?.number ?? 0n);

function pairIds(process: Process): bigint[] {
  return process.look((index, log) => [...index.pairNewestFirst(numberOf(log, "ann"), numberOf(log, "bob"), idMax)]);
}

function complete(process: Process): void {
  while (process.keeper.catchUp().more);
}

/** Completes the index, and has the threads open it. */
function goOver(process: Process): void {
  complete(process);
  process.reopenIndex();
}

test("a former index serves its lists, not those of conversations, until the own one is complete", () => {
  const { world, ids, own, former } = formerWorld();
  const process = world.start();
  expect(idsOf(process, { account: "bob" })).toEqual(ids);
  expect(idsOf(process, { account: "ann", includeSent: true })).toEqual(ids);
  const [code, id] = commit(process, [talkJob(talk({ clientId: "k7" }))])[0] ?? [];
  expect([code, id]).toEqual([outcome.repeatedElsewhere, ids[7]]);
  expect(() => pairIds(process)).toThrow(/index of conversations is being built/);
  process.look((index) => expect(() => index.partners(1)).toThrow(/is being built/));
  ids.push(say(process));
  process.settle();
  ids.push(say(process));
  expect(idsOf(process, { account: "bob" })).toEqual(ids);
  expect(() => pairIds(process)).toThrow(/index of conversations is being built/);
  complete(process);
  expect(versionOf(own)).toBe(indexSchemaVersion);
  // The threads still have the former one.
  process.keeper.removeEarlier();
  expect(existsSync(former)).toBe(true);
  ids.push(say(process));
  expect(idsOf(process, { account: "bob" })).toEqual(ids);
  process.reopenIndex();
  expect(idsOf(process, { account: "bob" })).toEqual(ids);
  expect(pairIds(process)).toEqual(ids.toReversed());
  expect(commit(process, [talkJob(talk({ clientId: "k7" }))])[0]?.[1]).toBe(ids[7]);
  process.keeper.removeEarlier();
  expect(existsSync(former)).toBe(false);
  process.die();
  expect(checkStore(world.path, () => undefined)).toMatchObject({ index: "right", indexProblems: [] });
});

test("a former index is not needed where a start can read all messages, and is left alone while it is open", () => {
  const world = newWorld(flushMessages);
  const first = world.start();
  const ids = sayMany(first, worldMessages);
  first.settle();
  kill(world, first);
  toFormerIndex(indexPathOf(world.path));
  const { former } = pathsOf(world.path);
  using somebody = openIndex(former);
  const versions = somebody.query("SELECT version FROM state");
  const version = versions.get();
  const process = world.start();
  expect(process.keeper.catchUp()).toMatchObject({ more: false, isBeside: false });
  expect(pairIds(process)).toEqual(ids.toReversed());
  process.keeper.removeEarlier();
  expect([existsSync(former), versions.get()]).toEqual([true, version]);
  somebody.close();
  process.keeper.removeEarlier();
  expect(existsSync(former)).toBe(false);
  process.die();
});

test("a process that dies while it builds beside a former index leaves what its heir goes on with", () => {
  const { world, ids, former } = formerWorld();
  const first = world.start();
  for (let step = 0; step < 20; step++) first.keeper.compact();
  kill(world, first);
  expect(existsSync(former)).toBe(true);
  const second = world.start();
  expect(second.keeper.catchUp().isBeside).toBe(true);
  goOver(second);
  expect(pairIds(second)).toEqual(ids.toReversed());
  expect(runsOf(world).length).toBeGreaterThan(0);
  second.die();
});

test("of two processes one builds, both go over to the new index, and the last one removes the former", () => {
  const { world, ids, former } = formerWorld();
  const [first, second] = [world.start(), world.start()] as const;
  for (const process of [first, second]) expect(idsOf(process, { account: "bob" })).toEqual(ids);
  first.settle();
  goOver(first);
  first.keeper.removeEarlier();
  expect(existsSync(former)).toBe(true);
  ids.push(say(first));
  expect(idsOf(second, { account: "bob" })).toEqual(ids);
  expect(second.keeper.catchUp().more).toBe(false);
  second.reopenIndex();
  second.keeper.removeEarlier();
  expect(existsSync(former)).toBe(false);
  ids.push(say(second));
  for (const process of [first, second]) expect(pairIds(process)).toEqual(ids.toReversed());
  for (const process of [first, second]) process.die();
});

test("a damaged index that is being built is begun anew, and the former one serves on", () => {
  const { world, ids, own } = formerWorld();
  const process = world.start();
  for (let step = 0; step < 20; step++) process.keeper.compact();
  const built = new Database(own);
  built.run("UPDATE run SET crcs = zeroblob(length(crcs))");
  built.run("UPDATE state SET version = version + 1");
  built.close();
  expect(process.keeper.catchUp()).toMatchObject({ more: true, isBeside: true });
  expect(idsOf(process, { account: "bob" })).toEqual(ids);
  goOver(process);
  expect(pairIds(process)).toEqual(ids.toReversed());
  process.keeper.compact();
  process.die();
});

test("after damage no former index serves, which may be what was damaged, not even to an heir", () => {
  const { world, ids } = formerWorld();
  const first = world.start();
  first.keeper.compact();
  first.keeper.rebuild();
  expect(first.keeper.catchUp()).toMatchObject({ isBeside: false });
  kill(world, first);
  const heir = world.start();
  expect(heir.keeper.catchUp()).toMatchObject({ isBeside: false });
  goOver(heir);
  expect(pairIds(heir)).toEqual(ids.toReversed());
  heir.die();
});

test("a former index serves again where only processes of the former release have run for long", () => {
  const { world, ids, own, former } = formerWorld();
  const first = world.start();
  goOver(first);
  kill(world, first);
  copyIndex(own, `${own}.kept`);
  const second = world.start();
  for (let more = 0; more < 2 * unflushedMax; more++) ids.push(say(second));
  second.settle();
  kill(world, second);
  removeIndex(former);
  toFormerIndex(own);
  renameSync(`${own}.kept`, own);

  const third = world.start();
  expect(third.keeper.catchUp()).toMatchObject({ isBeside: true });
  expect(idsOf(third, { account: "bob" })).toEqual(ids);
  expect(() => pairIds(third)).toThrow(/index of conversations is being built/);
  goOver(third);
  expect(pairIds(third)).toEqual(ids.toReversed());
  third.die();
});

test("a former index that is damaged, of another store or of neither schema is not used, and is removed", () => {
  for (const harm of [
    "UPDATE state SET mark = mark + 1",
    "DELETE FROM state",
    "DROP TABLE state",
    "UPDATE state SET folded_id = 1 << 62",
    "PRAGMA user_version = 1",
    "PRAGMA user_version = 3",
  ]) {
    const { world, ids, former } = formerWorld();
    const index = new Database(former);
    index.run(harm);
    index.close();
    const process = world.start();
    expect(process.keeper.catchUp().isBeside).toBe(false);
    complete(process);
    expect(pairIds(process)).toEqual(ids.toReversed());
    process.keeper.removeEarlier();
    expect([harm, existsSync(former)]).toEqual([harm, false]);
    process.die();
  }
});

test("an index of a later release is left alone, and files with other names are no indexes", () => {
  const world = newWorld(flushMessages);
  const process = world.start();
  complete(process);
  const folder = dirname(world.path);
  const stem = basename(world.path, ".db");
  const later = join(folder, `${stem}-index-${indexSchemaVersion + 1}.db`);
  const others = ["-index-.db", "-index-x.db", "-index-03.db", "-index-2.db", "-index-3.db.former", "-index"];
  for (const file of [later, `${later}-wal`, ...others.map((end) => join(folder, stem + end))]) writeFileSync(file, "");
  process.keeper.removeEarlier();
  expect(existsSync(`${later}-wal`)).toBe(true);
  const own = indexPathOf(world.path);
  expect(indexesBeside(own).toSorted((a, b) => a.schema - b.schema)).toEqual([
    { path: own, schema: indexSchemaVersion },
    { path: later, schema: indexSchemaVersion + 1 },
  ]);
  process.die();
});

test("an index that a program moved aside, and left when it died, is removed", () => {
  const world = newWorld(flushMessages);
  const process = world.start();
  complete(process);
  const aside = `${formerPathOf(indexPathOf(world.path))}.former`;
  for (const end of ["", "-wal", "-shm"]) writeFileSync(aside + end, "");
  expect(isIndexPath(indexPathOf(world.path), `${aside}-wal`)).toBe(true);
  process.keeper.removeEarlier();
  for (const end of ["", "-wal", "-shm"]) expect(existsSync(aside + end)).toBe(false);
  process.die();
});

test("a store whose index has the former schema opens and answers, and has the new index in the end", async () => {
  const path = freshPath();
  const first = await openAt(path, 15, { flushMessages: 20 });
  const talks = Array.from({ length: 300 }, (_, i) => talk({ clientId: `k${i}` }));
  const ids = (await first.append(talks)).map((answer) => stored(answer).messageId);
  await first.close();
  toFormerIndex(indexPathOf(path));
  const store = await openAt(path, 15, { flushMessages: 20 });
  expect(await allIds(store, "bob")).toEqual(ids);
  expect(stored((await store.append([talk({ clientId: "k7" })]))[0]).messageId).toBe(ids[7] ?? 0n);
  await store.close();
  expect(versionOf(indexPathOf(path))).toBe(indexSchemaVersion);
  expect(existsSync(formerPathOf(indexPathOf(path)))).toBe(false);
});

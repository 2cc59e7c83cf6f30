// An index of the former schema serves what it has while another one is built beside it.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { outcome, talkJob } from "../../src/store/jobs.ts";
import { checkStore } from "../../src/store/sqlite/check.ts";
import { formerPathOf, indexPathOf, indexSchemaVersion } from "../../src/store/sqlite/index/index-file.ts";
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

function versionOf(path: string): number {
  using index = new Database(indexPathOf(path), { readonly: true });
  return index.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
}

/** Lets some messages be flushed and merged, gives the index the former schema, and returns the ids to bob. */
function formerWorld(flushMessages: number, messages: number): { world: World; ids: bigint[] } {
  const world = newWorld(flushMessages);
  const process = world.start();
  const ids = Array.from({ length: messages }, (_, i) => say(process, { clientId: `k${i}` }));
  process.settle();
  process.die();
  toFormerIndex(indexPathOf(world.path));
  world.nowMs += 6_000;
  return { world, ids };
}

const numberOf = (log: Database, name: string): number =>
  Number(log.query<{ number: bigint }, [string]>("SELECT number FROM account WHERE name = ?").get(name)?.number ?? 0n);

function pairIds(process: Process): bigint[] {
  return process.look((index, log) => [...index.pairNewestFirst(numberOf(log, "ann"), numberOf(log, "bob"), idMax)]);
}

test("a former index serves its lists, not those of conversations, until another has been built beside it", () => {
  const { world, ids } = formerWorld(4, 90);
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
  expect(existsSync(formerPathOf(indexPathOf(world.path)))).toBe(true);
  expect(idsOf(process, { account: "bob" })).toEqual(ids);
  while (process.keeper.catchUp().more);
  expect(versionOf(world.path)).toBe(indexSchemaVersion);
  expect(existsSync(formerPathOf(indexPathOf(world.path)))).toBe(false);
  // The threads still have the former one.
  ids.push(say(process));
  expect(idsOf(process, { account: "bob" })).toEqual(ids);
  process.reopenIndex();
  expect(idsOf(process, { account: "bob" })).toEqual(ids);
  expect(pairIds(process)).toEqual(ids.toReversed());
  expect(commit(process, [talkJob(talk({ clientId: "k7" }))])[0]?.[1]).toBe(ids[7]);
  process.die();
  expect(checkStore(world.path, () => undefined)).toMatchObject({ index: "right", indexProblems: [] });
});

test("a process that dies while it builds beside a former index leaves what its heir goes on with", () => {
  const { world, ids } = formerWorld(4, 90);
  const first = world.start();
  for (let step = 0; step < 20; step++) first.keeper.compact();
  first.die();
  expect(existsSync(formerPathOf(indexPathOf(world.path)))).toBe(true);
  world.nowMs += 6_000;
  const second = world.start();
  expect(second.keeper.catchUp().isBeside).toBe(true);
  while (second.keeper.catchUp().more);
  second.reopenIndex();
  expect(pairIds(second)).toEqual(ids.toReversed());
  expect(runsOf(world).length).toBeGreaterThan(0);
  second.die();
});

test("of two processes one builds, and both go over to the new index", () => {
  const { world, ids } = formerWorld(4, 90);
  const running = [world.start(), world.start()] as const;
  const [first, second] = running;
  first.settle();
  while (first.keeper.catchUp().more);
  expect(second.keeper.catchUp().more).toBe(false);
  for (const process of running) process.reopenIndex();
  ids.push(say(second));
  for (const process of running) expect(pairIds(process)).toEqual(ids.toReversed());
  for (const process of running) process.die();
  expect(versionOf(world.path)).toBe(indexSchemaVersion);
});

test("a damaged index that is being built is begun anew; a former one goes with a replaced log", () => {
  const { world, ids } = formerWorld(4, 90);
  const process = world.start();
  for (let step = 0; step < 20; step++) process.keeper.compact();
  const built = new Database(indexPathOf(world.path));
  built.run("UPDATE run SET crcs = zeroblob(length(crcs))");
  built.run("UPDATE state SET version = version + 1");
  built.close();
  expect(process.keeper.catchUp()).toMatchObject({ more: true, isBeside: true });
  while (process.keeper.catchUp().more);
  process.reopenIndex();
  expect(pairIds(process)).toEqual(ids.toReversed());
  process.keeper.compact();
  process.die();

  const other = formerWorld(4, 90);
  const heir = other.world.start();
  heir.keeper.compact();
  heir.keeper.rebuild();
  expect(existsSync(formerPathOf(indexPathOf(other.world.path)))).toBe(false);
  while (heir.keeper.catchUp().more);
  heir.reopenIndex();
  expect(pairIds(heir)).toEqual(other.ids.toReversed());
  heir.die();
});

test("a former index that is damaged or of another store is not used", () => {
  for (const harm of [
    "UPDATE state SET mark = mark + 1",
    "DELETE FROM state",
    "UPDATE state SET folded_id = 1 << 62",
  ]) {
    const { world, ids } = formerWorld(4, 90);
    const former = new Database(indexPathOf(world.path));
    former.run(harm);
    former.close();
    const process = world.start();
    expect(process.keeper.catchUp().isBeside).toBe(false);
    while (process.keeper.catchUp().more);
    expect(pairIds(process)).toEqual(ids.toReversed());
    process.die();
  }
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
  expect(versionOf(path)).toBe(indexSchemaVersion);
});

// Flushes and merges leave no block over and repeat nothing, whenever their process dies or sleeps.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { outcome, talkJob } from "../../src/store/jobs.ts";
import { indexPathOf, openIndex } from "../../src/store/sqlite/index/index-file.ts";
import { blocksPerRun } from "../../src/store/sqlite/index/run-block.ts";
import type { Process } from "./log-process.ts";
import { commit, idsOf } from "./log-process.ts";
import { talk } from "./samples.ts";
import { runsOf, say, type World, worlds } from "./log-and-runs.ts";

const newWorld = worlds();

test("flushes make runs, eight of one level become one, and no block is left over", () => {
  const world = newWorld(4);
  const process = world.start();
  const ids = Array.from({ length: 4 * 8 * 8 * 2 + 4 * 3 + 1 }, () => say(process));
  process.settle();
  expect(runsOf(world).map(({ level }) => level)).toEqual([2n, 2n, 0n, 0n, 0n]);
  expect(idsOf(process, { account: "bob" })).toEqual(ids);
  const index = openIndex(indexPathOf(world.path));
  const blocks = index.query<{ runs: bigint; wrong: bigint }, []>(
    `SELECT count(DISTINCT number / ${blocksPerRun}) AS runs, count(*) FILTER (WHERE number / ${blocksPerRun} NOT IN
     (SELECT number FROM run)) AS wrong FROM block`,
  );
  expect(blocks.get()).toEqual({ runs: 5n, wrong: 0n });
  index.close();
  process.die();
});

test("one process compacts at a time; if it dies, another goes on after the lease, even mid-merge", () => {
  const world = newWorld(4);
  const [first, second] = [world.start(), world.start()];
  const ids = Array.from({ length: 4 * 8 }, () => say(first));
  while (runsOf(world).length < 8) first.keeper.compact();
  // This one begins the merge; the next would end it.
  expect(first.keeper.compact()).toBe(true);
  expect(second.keeper.compact()).toBe(false);
  expect(runsOf(world)).toHaveLength(8);
  world.nowMs += 6_000;
  second.settle();
  expect(runsOf(world)).toEqual([{ level: 1n, messages: 32n }]);
  // The first one wakes up: it holds nothing any more.
  expect(first.keeper.compact()).toBe(false);
  expect(runsOf(world)).toHaveLength(1);
  for (const process of [first, second]) {
    expect(idsOf(process, { account: "bob" })).toEqual(ids);
    process.die();
  }
});

test("a compactor that slept while another one flushed forgets what it had read", () => {
  const world = newWorld(4);
  const [first, second] = [world.start(), world.start()];
  const ids = [say(first), say(first), say(first)];
  first.settle();
  world.nowMs += 6_000;
  ids.push(say(second));
  second.settle();
  world.nowMs += 6_000;
  ids.push(say(second));
  first.settle();
  expect(runsOf(world)).toEqual([{ level: 0n, messages: 4n }]);
  expect(idsOf(second, { account: "bob" })).toEqual(ids);
  for (const process of [first, second]) process.die();
});

/** 500 talks from seven to thirteen, each with a clientId of its own. */
function sayMany(process: Process, batch: number): void {
  const talks = Array.from({ length: 500 }, (_, i) =>
    talk({ sender: `s${i % 7}`, dest: `d${i % 13}`, clientId: `${batch}-${i}` }),
  );
  commit(process, talks.map(talkJob));
}

function tablesOf(world: World): { runs: bigint; blocksOfNone: bigint } | null {
  const index = openIndex(indexPathOf(world.path));
  const row = index
    .query<{ runs: bigint; blocksOfNone: bigint }, []>(
      `SELECT (SELECT count(*) FROM run) AS runs, count(*) AS blocksOfNone FROM block
       WHERE number / ${blocksPerRun} NOT IN (SELECT number FROM run)`,
    )
    .get();
  index.close();
  return row;
}

/** Of one account, page by page. */
function allIdsOf(process: Process, account: string): bigint[] {
  const seen: bigint[] = [];
  for (let after = 1n; ;) {
    const page = idsOf(process, { account, after });
    if (page.length === 0) return seen;
    seen.push(...page);
    after = page.at(-1) ?? after;
  }
}

/**
 * Into the middle of a list: a slice has 16,384 postings, and the block that is open then belongs to the next one, too.
 */
function foldUntilSliced(world: World, process: Process): void {
  while ((tablesOf(world)?.blocksOfNone ?? 0n) === 0n) expect(process.keeper.compact()).toBe(true);
}

test("a flush that died between two slices leaves blocks that are swept, and is done again", () => {
  const world = newWorld(20_000);
  const first = world.start();
  for (let batch = 0; batch < 40; batch++) sayMany(first, batch);
  foldUntilSliced(world, first);
  expect(tablesOf(world)?.runs).toBe(0n);
  first.die();
  world.nowMs += 6_000;
  const second = world.start();
  second.settle();
  expect(tablesOf(world)).toEqual({ runs: 1n, blocksOfNone: 0n });
  expect(new Set(allIdsOf(second, "d3")).size).toBe(40 * Math.ceil((500 - 3) / 13));
  second.die();
});

test("a compactor that slept between two slices of a flush, while another one flushed, begins anew", () => {
  const world = newWorld(20_000);
  const [first, second] = [world.start(), world.start()];
  for (let batch = 0; batch < 40; batch++) sayMany(first, batch);
  foldUntilSliced(world, first);
  world.nowMs += 6_000;
  second.settle();
  expect(tablesOf(world)).toEqual({ runs: 1n, blocksOfNone: 0n });
  expect(first.keeper.compact()).toBe(false);
  world.nowMs += 6_000;
  for (let batch = 40; batch < 80; batch++) sayMany(first, batch);
  first.settle();
  expect(tablesOf(world)).toEqual({ runs: 2n, blocksOfNone: 0n });
  const seen = allIdsOf(second, "d3");
  expect(seen).toHaveLength(80 * Math.ceil((500 - 3) / 13));
  expect(new Set(seen).size).toBe(seen.length);
  for (const process of [first, second]) process.die();
});

test("a merge that died between two slices leaves blocks that are swept, and is done again", () => {
  const world = newWorld(5_000);
  const first = world.start();
  for (let batch = 0; batch < 80; batch++) sayMany(first, batch);
  const isMerging = (): boolean => {
    const tables = tablesOf(world);
    return tables?.runs === 8n && tables.blocksOfNone > 0n;
  };
  while (!isMerging()) expect(first.keeper.compact()).toBe(true);
  first.die();
  world.nowMs += 6_000;
  const second = world.start();
  second.settle();
  expect(tablesOf(world)).toEqual({ runs: 1n, blocksOfNone: 0n });
  const seen = allIdsOf(second, "d3");
  expect(seen).toHaveLength(80 * Math.ceil((500 - 3) / 13));
  expect(new Set(seen).size).toBe(seen.length);
  const [code] = commit(second, [talkJob(talk({ sender: "s2", dest: "d9", clientId: "7-9" }))])[0] ?? [];
  expect(code).toBe(outcome.repeatedElsewhere);
  second.die();
});

test("kill -9 in the middle of a flush or a merge loses nothing and repeats nothing", async () => {
  const world = newWorld(64);
  const acknowledged: string[] = [];
  // A run of 64 has four blocks and nine checksums of its own; the eighth run is followed by a merge.
  for (const killAt of [1, 2, 3, 4, 5, 13, 27, 28, 29, 31, 33, 60, 100, 150, 180]) {
    const child = Bun.spawn([process.execPath, join(import.meta.dir, "compaction-child.ts"), world.path, `${killAt}`], {
      stdout: "pipe",
      stderr: "inherit",
    });
    const lines = (await new Response(child.stdout).text()).trim().split("\n");
    await child.exited;
    expect(child.signalCode).toBe("SIGKILL");
    expect(lines).toHaveLength(600);
    acknowledged.push(...lines);
    // Past the lease of the dead.
    world.nowMs = Date.now() + 6_000;
    const heir = world.start();
    heir.keeper.compact();
    if (killAt % 2 === 0) heir.settle();
    expect(allIdsOf(heir, "bob").map(String)).toEqual(acknowledged);
    const [code, id] = commit(heir, [talkJob(talk({ clientId: `${child.pid}-2-50` }))])[0] ?? [];
    expect([code, `${id}`]).toEqual([outcome.repeatedElsewhere, lines[250] ?? ""]);
    // Its lease is by a clock that is ahead of the next child's, which may respect it.
    heir.keeper.close();
    heir.die();
  }
}, 60_000);

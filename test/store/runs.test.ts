import type { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { BloomFilter } from "../../src/store/sqlite/index/bloom-filter.ts";
import { openConnection } from "../../src/store/sqlite/connection.ts";
import { openOrMakeIndex } from "../../src/store/sqlite/index/index-file.ts";
import { allLists, lists, readerLists, sentKey } from "../../src/store/sqlite/index/posting.ts";
import { RunBuilder, RunStatements } from "../../src/store/sqlite/index/run-builder.ts";
import { RunList } from "../../src/store/sqlite/index/run.ts";
import { migrate } from "../../src/store/sqlite/schema.ts";
import { Memtable } from "../../src/store/sqlite/index/memtable.ts";
import { Random, testSeed } from "../support/random.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const root = temporaryFolder("runs-test-");

/** Ids from a large one up, some steps apart, and a key for each: few keys have many of them. */
function randomPostings(random: Random, count: number): { readonly key: number; readonly id: bigint }[] {
  let id = 1n << 60n;
  return Array.from({ length: count }, () => {
    id += BigInt(1 + random.below(1 << 22));
    return { key: random.once(2) ? random.below(4) : 0xffff_fffe - random.below(300), id };
  });
}

test("a Bloom filter has every key that was added, and takes less than one stranger in a hundred for one", () => {
  const random = new Random(testSeed("bloom filter"));
  for (const count of [1, 10, 1_000, 50_000]) {
    const filter = BloomFilter.forKeys(count);
    const added = new Set(Array.from({ length: count }, () => random.u32()));
    for (const key of added) filter.add(key);
    const copy = new BloomFilter(filter.words.slice());
    expect([...added].filter((key) => !copy.mayHave(key))).toEqual([]);
    const strangers = Array.from({ length: 20_000 }, () => random.u32()).filter((key) => !added.has(key));
    // One key in a single block of 512 bits is a small filter, too: fewer than ten say nothing.
    if (count >= 10) expect(strangers.filter((key) => copy.mayHave(key)).length).toBeLessThan(strangers.length / 100);
  }
  // Keys in a row, as numbers of accounts are.
  const filter = BloomFilter.forKeys(50_000);
  for (let key = 0; key < 100_000; key += 2) filter.add(key);
  let wrong = 0;
  for (let key = 1; key < 100_000; key += 2) if (filter.mayHave(key)) wrong++;
  expect(wrong).toBeLessThan(500);
});

/** The sender of a message: one of three. */
const senderOf = (id: bigint): number => 1 + Number(id % 3n);

test("a run answers as a sorted list does, at every edge of its blocks", () => {
  const random = new Random(testSeed("run"));
  const postings = randomPostings(random, 6_000);
  const sorted = postings.toSorted((a, b) => a.key - b.key || (a.id < b.id ? -1 : 1));
  const path = join(root, "log.db");
  writeFileSync(path, "");
  const log = openConnection({ path, synchronous: "NORMAL", cacheKib: 256 });
  migrate(log, path);
  const index: Database = openOrMakeIndex(join(root, "index.db"), log);
  const builder = new RunBuilder(7, new RunStatements(index));
  const halves = new Uint32Array(BigInt64Array.from(sorted, ({ id }) => id).buffer);
  for (const list of allLists) {
    for (const [at, { key, id }] of sorted.entries()) builder.add(list, key, senderOf(id), halves, at);
    builder.endList(list);
  }
  Array.from(builder.makeFilters());
  builder.finish(0, sorted.at(-1)?.id ?? 0n, postings.length);
  index.run("UPDATE state SET version = 1");
  const runs = new RunList(index, [lists.received, lists.sent]);
  expect(runs.refresh()).toBe(true);
  const [run] = runs.runs;
  if (run === undefined) throw new Error("the run is listed");
  for (let turn = 0; turn < 3_000; turn++) {
    const key = random.once(10) ? random.u32() : (postings[random.below(postings.length)]?.key ?? 0);
    const edge = postings[random.below(postings.length)]?.id ?? 0n;
    const after = edge - BigInt(random.below(2));
    const until = after + BigInt(random.below(2 ** 31)) * BigInt(random.below(2 ** 10));
    const count = 1 + random.below(500);
    const list = random.pick([lists.received, lists.sent]);
    const own = postings.filter((posting) => posting.key === key).map(({ id }) => id);
    const inside = own.filter((id) => id > after && id < until);
    expect(run.idsBetween(list, key, after, until, count)).toEqual(inside.slice(0, count));
    if (list === lists.received)
      expect(run.idsBetween(list, key, after, until, count, 2)).toEqual(
        inside.filter((id) => senderOf(id) !== 2).slice(0, count),
      );
    expect(run.newestBelow(list, key, edge)).toBe(own.findLast((id) => id < edge) ?? 0n);
  }
  index.close();
  log.close();
});

test("a memtable answers as a list does, over many generations, and drops what is flushed", () => {
  const random = new Random(testSeed("memtable"));
  const postings = randomPostings(random, 150_000);
  const memtable = new Memtable([lists.received, lists.keyed]);
  const withSenders = new Memtable([lists.received, lists.sent]);
  for (const { key, id } of postings) {
    memtable.add({ id, received: key, sent: 0, keyed: random.once(2) ? key : undefined });
    withSenders.add({ id, received: key, sent: sentKey(BigInt(senderOf(id))), keyed: undefined });
  }
  expect(memtable.lastId).toBe(postings.at(-1)?.id ?? 0n);
  let flushedId = 0n;
  for (let turn = 0; turn < 300; turn++) {
    const key = random.once(3) ? random.below(4) : 0xffff_fffe - random.below(310);
    const after = postings[random.below(postings.length)]?.id ?? 0n;
    const until = random.once(2) ? after + BigInt(random.u32()) : 1n << 62n;
    const count = 1 + random.below(500);
    if (after >= flushedId) {
      const own = postings.filter((posting) => posting.key === key && posting.id > after && posting.id < until);
      const ids = own.map(({ id }) => id);
      expect(memtable.idsBetween(lists.received, key, after, until, count)).toEqual(ids.slice(0, count));
      expect(withSenders.idsBetween(lists.received, key, after, until, count, 2)).toEqual(
        ids.filter((id) => senderOf(id) !== 2).slice(0, count),
      );
    }
    expect([...memtable.newestFirst(lists.sent, key)]).toEqual([]);
    if (turn % 60 !== 59) continue;
    flushedId = postings[Math.floor((turn / 300) * postings.length)]?.id ?? 0n;
    const before = memtable.messages;
    memtable.drop(flushedId);
    expect(memtable.messages).toBeLessThanOrEqual(before);
  }
  memtable.drop(memtable.lastId);
  expect(memtable.messages).toBe(0);
});

test("a memtable finds the messages of a pair as a list does, over many generations, down to an id", () => {
  const random = new Random(testSeed("pairs of a memtable"));
  const memtable = new Memtable(readerLists);
  let id = 1n << 60n;
  const said = Array.from({ length: 100_000 }, () => {
    id += BigInt(1 + random.below(1 << 22));
    // Some accounts have large numbers; odd keys are groups.
    const account = (): number => (random.once(2) ? 1 + random.below(20) : 2 ** 31 - 1 - random.below(20));
    return {
      id,
      sent: account(),
      received: random.once(5) ? random.below(9) * 2 + 1 : account() * 2,
      keyed: undefined,
    };
  });
  for (const message of said) memtable.add(message);
  for (let turn = 0; turn < 200; turn++) {
    const { sent = 0, received = 1 } = said[random.below(said.length)] ?? {};
    if (received % 2 === 1) continue;
    const above = random.once(4) ? 0n : (said[random.below(said.length)]?.id ?? 0n) - BigInt(random.below(2));
    const own = said.filter((message) => message.sent === sent && message.received === received && message.id > above);
    const found = Array.from(memtable.entries(lists.pair, sent, received / 2, above), ({ generation, at }) => {
      return [generation.ids[at], generation.sender(at), generation.receiver(at)];
    });
    expect(found).toEqual(own.map((message) => [message.id, sent, received / 2]).toReversed());
    expect([...memtable.oldestFirst(lists.pair, sent, received / 2, above)]).toEqual(own.map((message) => message.id));
  }
});

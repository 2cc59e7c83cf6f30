import { expect, test } from "bun:test";
import { StreamMerge, type IdRange } from "../../src/store/postgres/stream-merge.ts";
import { Random, testSeed } from "../support/random.ts";

interface Source {
  readonly range: IdRange;
  readonly ids: readonly bigint[];
}

/** Runs a merge over sources in memory: what it took, in how many rounds, and how many ids it read. */
function run(sources: readonly Source[], limit: number, first: number) {
  const ranges = sources.map(({ range }) => range);
  const merge = new StreamMerge(ranges, limit, first);
  let rounds = 0;
  let read = 0;
  for (let wants = merge.wants(); wants.length > 0; wants = merge.wants()) {
    rounds++;
    for (const want of wants) {
      const source = sources[want.stream];
      const ids = (source?.ids ?? [])
        .filter((id) => id > want.after && id < (source?.range.below ?? 0n))
        .slice(0, want.count);
      read += ids.length;
      merge.supply(want, ids);
    }
    merge.settle();
  }
  return { taken: merge.taken(), rounds, read };
}

test("takes the smallest ids of all streams within their ranges, whatever their sizes", () => {
  const random = new Random(testSeed("stream merge"));
  for (let round = 0; round < 500; round++) {
    const logs: bigint[][] = Array.from({ length: 1 + random.below(8) }, () => []);
    for (let id = 1n; id <= BigInt(random.below(300)); id++)
      logs[random.below(logs.length) >> random.below(3)]?.push(id);
    const sources = logs.map((ids) => {
      const after = BigInt(random.below(50));
      return { ids, range: { after, below: random.once(4) ? after + BigInt(random.below(60)) : 1_000n } };
    });
    const limit = 1 + random.below(120);
    const expected = sources
      .flatMap(({ ids, range }) => ids.filter((id) => id > range.after && id < range.below))
      .toSorted((a, b) => Number(a - b));
    expect(run(sources, limit, 1 + random.below(20)).taken).toEqual(expected.slice(0, limit));
  }
});

test("a busy stream among two thousand quiet ones costs a few rounds and few ids more than are taken", () => {
  const range = { after: 0n, below: 1_000_000n };
  const busy = { range, ids: Array.from({ length: 5_000 }, (_, i) => BigInt(i + 1)) };
  const quiet = Array.from({ length: 2_000 }, (_, i) => ({ range, ids: [BigInt(10_000 + i)] }));
  const { taken, rounds, read } = run([busy, ...quiet], 2_000, 16);
  expect(taken).toEqual(busy.ids.slice(0, 2_000));
  expect(rounds).toBeLessThanOrEqual(8);
  expect(read).toBeLessThan(2_000 + 4_000);
});

test("asks nothing of streams that cannot have an id", () => {
  const range = { after: 5n, below: 6n };
  expect(run([{ range, ids: [1n, 5n, 6n] }], 10, 16)).toEqual({ taken: [], rounds: 0, read: 0 });
});

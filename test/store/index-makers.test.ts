// Two processes on one log, of which each finds the index damaged: one makes it again, and the other takes that.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { fileIdentity } from "../../src/base/file-identity.ts";
import { openConnection } from "../../src/store/sqlite/connection.ts";
import {
  indexPathOf,
  openOrMakeIndex,
  removeIndex,
  setStage,
  stages,
} from "../../src/store/sqlite/index/index-file.ts";
import { LogIndex } from "../../src/store/sqlite/index/log-index.ts";
import { readerLists } from "../../src/store/sqlite/index/posting.ts";
import { say, type World, worlds } from "./log-and-runs.ts";
import { idsOf } from "./log-process.ts";

const newWorld = worlds();
const flushMessages = 4;

/** Some messages to bob, in runs of the index. */
function filled(): { world: World; ids: bigint[]; path: string } {
  const world = newWorld(flushMessages);
  const process = world.start();
  const ids = Array.from({ length: 20 }, (_, at) => say(process, { clientId: `k${at}` }));
  process.settle();
  process.die();
  world.nowMs += 6_000;
  return { world, ids, path: indexPathOf(world.path) };
}

const damages: Readonly<Record<string, string>> = {
  "a run": "UPDATE run SET crcs = zeroblob(length(crcs))",
  "the state": "DELETE FROM state",
  "the table of the state": "DROP TABLE state",
};

for (const [name, sql] of Object.entries(damages))
  test(`an index of which ${name} is damaged is made again by the first process that finds it`, () => {
    const { world, ids, path } = filled();
    const [first, second] = [world.start(), world.start()];
    const before = fileIdentity(path);
    using index = new Database(path);
    index.run(sql);
    first.keeper.rebuild();
    const made = fileIdentity(path);
    expect(made).not.toBe(before);
    first.settle();
    second.keeper.rebuild();
    expect(fileIdentity(path)).toBe(made);
    for (const process of [first, second]) {
      process.reopenIndex();
      expect(idsOf(process, { account: "bob" })).toEqual(ids);
    }
    // What both found damaged once may be damaged again.
    second.keeper.rebuild();
    expect(fileIdentity(path)).not.toBe(made);
    for (const process of [first, second]) process.die();
  });

test("a thread that finds the index half made waits for its maker", () => {
  const { world, path } = filled();
  removeIndex(path);
  writeFileSync(path, "");
  const [reading, making] = [0, 1].map(() =>
    openConnection({ path: world.path, synchronous: "NORMAL", cacheKib: 256 }),
  );
  if (reading === undefined || making === undefined) throw new Error("there are two");
  // The maker has the lock of the log, and gives it back when the index is complete.
  const waiting = new Proxy(reading, {
    get(log, key): unknown {
      const value: unknown = Reflect.get(log, key, log);
      if (typeof value !== "function") return value;
      return (...words: unknown[]): unknown => {
        if (words[0] === "BEGIN IMMEDIATE") {
          using index = openOrMakeIndex(path, making);
          setStage(index, stages.complete);
        }
        return Reflect.apply(value, log, words);
      };
    },
  });
  const index = new LogIndex(waiting, path, readerLists);
  expect(() => index.begin()).not.toThrow();
  index.end();
  index.close();
  for (const log of [reading, making]) log.close();
});

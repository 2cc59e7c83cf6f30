// What the store's housekeeping asks of its threads when commits or folds fail; the threads are stand-ins.

import { afterEach, test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import { Housekeeping } from "../../src/store/sqlite/housekeeping.ts";
import type { Answer, Request } from "../../src/store/sqlite/protocol.ts";
import { StoreUnavailable } from "../../src/store/store.ts";
import { until } from "../../scripts/harness/until.ts";

const running: Housekeeping[] = [];
afterEach(() => {
  for (const housekeeping of running.splice(0)) housekeeping.stop();
});

/** Housekeeping over a folder that answers so; `folds` counts what it was asked. */
function housekeepingOver(foldAnswer: (folds: number) => Answer): { housekeeping: Housekeeping; folds: () => number } {
  let folds = 0;
  const done = { call: (): Promise<Answer> => Promise.resolve({ kind: "done" }) };
  const folder = {
    call: async ({ kind }: Request): Promise<Answer> =>
      kind === "fold" ? foldAnswer(++folds) : { kind: "more", more: false },
  };
  const housekeeping = new Housekeeping({ writer: done, reader: done, folder }, 0, silentLog);
  running.push(housekeeping);
  return { housekeeping, folds: () => folds };
}

const folded = (more: boolean, isLate = false): Answer => ({ kind: "folded", more, isLate });

test("a batch that failed has the index folded, too: perhaps it failed because nobody did", async () => {
  const { housekeeping, folds } = housekeepingOver(() => folded(false));
  housekeeping.committed(new StoreUnavailable("the index of the messages lags behind the log"));
  await until(() => folds() > 0, "the folder is asked");
});

test("a fold that failed is tried again though nothing is committed, and goes on while there is more", async () => {
  const { housekeeping, folds } = housekeepingOver((count) => {
    if (count === 1) throw new Error("the disk is full");
    return folded(count < 5, count === 3);
  });
  housekeeping.committed(undefined);
  await until(() => folds() === 5, "all is folded");
});

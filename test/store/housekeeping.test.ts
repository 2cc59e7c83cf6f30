// What the store's housekeeping asks of its threads when commits or compactions fail; the threads are stand-ins.

import { afterEach, test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import { Housekeeping } from "../../src/store/sqlite/housekeeping.ts";
import type { Answer, Request } from "../../src/store/sqlite/protocol.ts";
import { StoreUnavailable } from "../../src/store/store.ts";
import { ManualTimers } from "../support/manual-timers.ts";

const running: Housekeeping[] = [];
afterEach(() => {
  for (const housekeeping of running.splice(0)) housekeeping.stop();
});

/** Housekeeping over a compactor that answers so; `compactions` counts what it was asked. */
function housekeepingOver(compactionAnswer: (compactions: number) => Answer): {
  housekeeping: Housekeeping;
  time: ManualTimers;
  compactions: () => number;
} {
  const time = new ManualTimers();
  let compactions = 0;
  const done = { call: (): Promise<Answer> => Promise.resolve({ kind: "done" }) };
  const compactor = {
    call: async ({ kind }: Request): Promise<Answer> =>
      kind === "compact" ? compactionAnswer(++compactions) : { kind: "more", more: false },
  };
  const housekeeping = new Housekeeping({ writer: done, reader: done, compactor }, 0, silentLog, time);
  running.push(housekeeping);
  return { housekeeping, time, compactions: () => compactions };
}

const compacted = (more: boolean, isLate = false): Answer => ({ kind: "compacted", more, isLate });

test("a batch that failed has the index compacted, too: perhaps it failed because nobody did", async () => {
  const { housekeeping, time, compactions } = housekeepingOver(() => compacted(false));
  housekeeping.committed(new StoreUnavailable("the index of the messages lags behind the log"));
  await time.until(() => compactions() > 0, "the compactor is asked");
});

test("a failed compaction is tried again though nothing is committed, and goes on while there is more", async () => {
  const { housekeeping, time, compactions } = housekeepingOver((count) => {
    if (count === 1) throw new Error("the disk is full");
    return compacted(count < 5, count === 3);
  });
  housekeeping.committed(undefined);
  await time.until(() => compactions() === 5, "all is compacted");
});

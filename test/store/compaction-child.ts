// A process for tests: stores 600 talks at argv[2], prints their ids, flushes them into runs of 64 and merges, and
// kills itself before it writes the block number argv[3] of the index: in the middle of a transaction.

import { writeSync } from "node:fs";
import { systemClock } from "../../src/base/clock.ts";
import { talkJob } from "../../src/store/jobs.ts";
import { commit, Process } from "./log-process.ts";
import { talk } from "./samples.ts";

const [, , path = "", killAt = "1"] = process.argv;
const worker = new Process(path, `child-${process.pid}`, systemClock, 64);
for (let batch = 0; batch < 6; batch++) {
  const talks = Array.from({ length: 100 }, (_, i) => talk({ clientId: `${process.pid}-${batch}-${i}` }));
  // Written at once: a pipe that is written in the background dies with the process.
  for (const [, id] of commit(worker, talks.map(talkJob))) writeSync(1, `${id}\n`);
}
// Every block is summed right before it is written.
const sum = Bun.hash.crc32;
let blocks = 0;
Object.assign(Bun.hash, {
  crc32: (bytes: Uint8Array): number => {
    if (++blocks === Number(killAt)) process.kill(process.pid, "SIGKILL");
    return sum(bytes);
  },
});
worker.settle();
writeSync(1, "flushed all\n");

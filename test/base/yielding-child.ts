// A process whose first thread yields, and uses then what all threads share. Prints the names of its threads, and how
// much nicer each is than that thread was before.

import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { getPriority } from "node:os";
import { startFilePool, yieldToOthers } from "../../src/base/thread-priority.ts";

const before = getPriority();
await startFilePool();
yieldToOthers(Math.min(19, before + 5));
await Promise.all([
  crypto.subtle.digest("SHA-256", new Uint8Array(1_000)),
  ...Array.from({ length: 100 }, () => readFile(import.meta.path)),
]);
const kept: object[] = [];
for (let at = 0; at < 500_000; at++) kept.push({ at });
Bun.gc(true);
const threads = readdirSync("/proc/self/task").map((thread) => {
  const stat = readFileSync(`/proc/self/task/${thread}/stat`, "utf8");
  // The second field is the name in parentheses, which may hold spaces.
  const end = stat.lastIndexOf(")");
  const niceness = Number(stat.slice(end + 2).split(" ")[16]);
  return [stat.slice(stat.indexOf("(") + 1, end), niceness - before, Number(thread) === process.pid] as const;
});
process.stdout.write(JSON.stringify(threads));

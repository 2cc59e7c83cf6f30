// Talks per second that a store commits durably, and how fast it answers an offline read beside that; run by hand:
//   bun bench/store-rate.ts [in flight] [seconds] [folder]                       SQLite, synchronous FULL
//   bun bench/store-rate.ts [in flight] [seconds] --store postgres://host/name   PostgreSQL; the messages stay there
//   --rows 1000000      talks stored before anything is measured
//   --accounts 100000   receivers, all equally likely
//   --waiting 10000     messages that wait for one account; they are read page by page, then the newest page again
//   --database x.db     this SQLite file, which is kept: a later run measures on top of what is there
//
// CPU and bytes written are those of this process as Linux counts them (/proc/self), threads the busiest first.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createLog } from "../src/base/log.ts";
import { openPostgresStore } from "../src/store/postgres/open-postgres-store.ts";
import { openSqliteStore } from "../src/store/sqlite/sqlite-store.ts";
import type { Talk } from "../src/store/store.ts";

const text = { type: "string" } as const;
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { store: text, rows: text, accounts: text, waiting: text, database: text },
});
const [inFlight = "200", seconds = "3", parent = tmpdir()] = positionals;
const accounts = Number(values.accounts ?? 100_000);
const folder = mkdtempSync(join(parent, "store-rate-"));
const shared = { retentionDays: 15, log: createLog("info", "text", (line) => process.stderr.write(line)) };
const openStartMs = performance.now();
const store =
  values.store === undefined
    ? await openSqliteStore({ ...shared, path: values.database ?? join(folder, "store.db") })
    : await openPostgresStore({ ...shared, url: values.store });
const openMs = performance.now() - openStartMs;
/** Keys that an earlier run on the same database did not use. */
const run = Date.now();
const body = "x".repeat(100);

function talk(sender: number, count: number, dest: string): Talk {
  const clientId = `${run}-${sender}-${count}`;
  return { app: "bench", sender: `sender-${sender}`, toGroup: false, dest, type: 1, body, extra: "", clientId };
}
const anybody = (sender: number, count: number): string => `receiver-${(sender * 7919 + count * 104_729) % accounts}`;

/** Calls `work` with rising numbers below `total`, a bounded number at a time. */
async function concurrently(width: number, total: number, work: (turn: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const line = async (): Promise<void> => {
    while (next < total) await work(next++);
  };
  await Promise.all(Array.from({ length: width }, line));
}

function quantiles(samplesMs: number[]): Record<string, number> {
  samplesMs.sort((a, b) => a - b);
  const at = (q: number): number => Math.round((samplesMs[Math.floor(q * (samplesMs.length - 1))] ?? 0) * 100) / 100;
  return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}

const writtenBytes = (): number => Number(/^write_bytes: (\d+)$/m.exec(readFileSync("/proc/self/io", "utf8"))?.[1]);
/** Seconds of CPU by thread (proc(5): utime and stime are the fields 14 and 15, in hundredths). */
function threadSeconds(): Map<string, number> {
  const spent = new Map<string, number>();
  for (const thread of readdirSync("/proc/self/task")) {
    const fields = readFileSync(`/proc/self/task/${thread}/stat`, "utf8")
      .replace(/^.*\) /, "")
      .split(" ");
    spent.set(thread, (Number(fields[11]) + Number(fields[12])) / 100);
  }
  return spent;
}

const rows = Number(values.rows ?? 0);
const batch = 256;
const fillStartMs = performance.now();
await concurrently(8, Math.ceil(rows / batch), (turn) =>
  store.append(Array.from({ length: batch }, (_, i) => talk(1_000_000 + i, turn, anybody(i, turn)))),
);
const fillMs = performance.now() - fillStartMs;
const waiting = Number(values.waiting ?? 0);
await concurrently(100, waiting, (turn) => store.append([talk(2_000_000, turn, "waiter")]));

const writeMs: number[] = [];
const readMs: number[] = [];
const startMs = performance.now();
const endMs = startMs + Number(seconds) * 1000;

async function talkOn(sender: number): Promise<void> {
  for (let count = 0; performance.now() < endMs; count++) {
    const askedMs = performance.now();
    await store.append([talk(sender, count, anybody(sender, count))]);
    writeMs.push(performance.now() - askedMs);
  }
}

/** Somebody comes back 200 times a second and asks for what waits. */
async function readOn(): Promise<void> {
  for (let count = 0; performance.now() < endMs; count++) {
    const askedMs = performance.now();
    const account = anybody(count, count * 31);
    await store.index({ app: "bench", account, device: "", after: 0n, includeSent: false, limit: 2000 });
    readMs.push(performance.now() - askedMs);
    await Bun.sleep(5);
  }
}

const cpu = process.cpuUsage();
const threadsBefore = threadSeconds();
const bytesBefore = writtenBytes();
await Promise.all([readOn(), ...Array.from({ length: Number(inFlight) }, (_, sender) => talkOn(sender))]);
const tookMs = performance.now() - startMs;
const spent = process.cpuUsage(cpu);
const bytes = writtenBytes() - bytesBefore;
const threads = [...threadSeconds()]
  .map(([thread, used]) => ({
    thread,
    cores: Math.round(((used - (threadsBefore.get(thread) ?? 0)) / tookMs) * 1e5) / 100,
  }))
  .toSorted((a, b) => b.cores - a.cores)
  .map(({ thread, cores }) => `${Number(thread) === process.pid ? "main " : ""}${cores}`);

const pages: number[] = [];
let synced = 0;
for (let after = 1n; pages.length <= waiting / 2000;) {
  const askedMs = performance.now();
  const query = { app: "bench", account: "waiter", device: "", after, includeSent: false, limit: 2000 };
  const page = await store.index(query);
  pages.push(Math.round((performance.now() - askedMs) * 100) / 100);
  synced += page.length;
  after = page.at(-1)?.messageId ?? after;
}

console.log(
  JSON.stringify({
    inFlight: Number(inFlight),
    openMs: Math.round(openMs),
    rows,
    filledPerSecond: Math.round((rows / fillMs) * 1000),
    talksPerSecond: Math.round((writeMs.length / tookMs) * 1000),
    write: quantiles(writeMs),
    offlineRead: quantiles(readMs),
    bytesPerTalk: Math.round(bytes / writeMs.length),
    cpuCores: Math.round((spent.user + spent.system) / tookMs / 10) / 100,
    residentMiB: Math.round(process.memoryUsage.rss() / 2 ** 20),
    threadCores: threads.slice(0, 5),
    ...(waiting > 0 ? { synced, pagesMs: pages } : {}),
  }),
);
await store.close();
rmSync(folder, { recursive: true, force: true });

// Talks per second that the SQLite store commits with synchronous FULL, by talks in flight; run by hand:
//   bun bench/store-rate.ts [in flight] [seconds] [folder]

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog } from "../src/base/log.ts";
import { openSqliteStore } from "../src/store/sqlite/sqlite-store.ts";

const [, , inFlight = "200", seconds = "3", parent = tmpdir()] = process.argv;
const folder = mkdtempSync(join(parent, "store-rate-"));
const store = await openSqliteStore({
  path: join(folder, "store.db"),
  retentionDays: 15,
  log: createLog("info", "text"),
});
const body = "x".repeat(100);
const endMs = performance.now() + Number(seconds) * 1000;
const latenciesMs: number[] = [];

async function talkOn(sender: number): Promise<void> {
  for (let count = 0; performance.now() < endMs; count++) {
    const startMs = performance.now();
    await store.append([
      {
        app: "bench",
        sender: `sender-${sender}`,
        toGroup: false,
        dest: `receiver-${(sender * 7919 + count * 104_729) % 100_000}`,
        type: 1,
        body,
        extra: "",
        clientId: `${sender}-${count}`,
      },
    ]);
    latenciesMs.push(performance.now() - startMs);
  }
}

const startMs = performance.now();
const cpu = process.cpuUsage();
await Promise.all(Array.from({ length: Number(inFlight) }, (_, sender) => talkOn(sender)));
const tookMs = performance.now() - startMs;
const spent = process.cpuUsage(cpu);
latenciesMs.sort((a, b) => a - b);
const quantile = (q: number): number =>
  Math.round((latenciesMs[Math.floor(q * (latenciesMs.length - 1))] ?? 0) * 100) / 100;
console.log(
  JSON.stringify({
    inFlight: Number(inFlight),
    talksPerSecond: Math.round((latenciesMs.length / tookMs) * 1000),
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    maxMs: quantile(1),
    cpuCores: Math.round((spent.user + spent.system) / tookMs / 10) / 100,
  }),
);
await store.close();
rmSync(folder, { recursive: true, force: true });

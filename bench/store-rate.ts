// Talks per second that a store commits durably, by talks in flight; run by hand:
//   bun bench/store-rate.ts [in flight] [seconds] [folder]                       SQLite, synchronous FULL
//   bun bench/store-rate.ts [in flight] [seconds] --store postgres://host/name   PostgreSQL; the messages stay there

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createLog } from "../src/base/log.ts";
import { openPostgresStore } from "../src/store/postgres/postgres-store.ts";
import { openSqliteStore } from "../src/store/sqlite/sqlite-store.ts";

const { positionals, values } = parseArgs({ allowPositionals: true, options: { store: { type: "string" } } });
const [inFlight = "200", seconds = "3", parent = tmpdir()] = positionals;
const folder = mkdtempSync(join(parent, "store-rate-"));
const shared = { retentionDays: 15, log: createLog("info", "text") };
const store =
  values.store === undefined
    ? await openSqliteStore({ ...shared, path: join(folder, "store.db") })
    : await openPostgresStore({ ...shared, url: values.store });
/** Keys that an earlier run on the same database did not use. */
const run = Date.now();
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
        clientId: `${run}-${sender}-${count}`,
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

// The process's own metrics, under the names of prom-client's default ones. Those that Bun cannot answer truly (garbage
// collection, heap spaces, libuv handles) are left out, and so are the timer and observer that they would keep running:
// everything here is read when it is scraped.

import { readdir } from "node:fs/promises";
import { Counter, Gauge, type Registry } from "prom-client";

/** Registers CPU, memory, file descriptors, start time and the event loop's lag. */
export function registerProcessMetrics(registry: Registry): void {
  const counter = (name: string, help: string, value: () => number): void => {
    registry.registerMetric(
      new Counter({
        name,
        help,
        registers: [],
        collect() {
          this.reset();
          this.inc(value());
        },
      }),
    );
  };
  const gauge = (name: string, help: string, value: () => number | Promise<number>): void => {
    registry.registerMetric(
      new Gauge({
        name,
        help,
        registers: [],
        async collect() {
          try {
            this.set(await value());
          } catch {
            // Some containers hide parts of /proc: the number is unknown, and the scrape goes on.
            this.set(Number.NaN);
          }
        },
      }),
    );
  };
  counter("process_cpu_user_seconds_total", "User CPU time spent.", () => cpuSeconds("user"));
  counter("process_cpu_system_seconds_total", "System CPU time spent.", () => cpuSeconds("system"));
  counter(
    "process_cpu_seconds_total",
    "User and system CPU time spent.",
    () => cpuSeconds("user") + cpuSeconds("system"),
  );
  gauge(
    "process_start_time_seconds",
    "When the process started, in seconds since 1970.",
    () => performance.timeOrigin / 1000,
  );
  gauge("process_resident_memory_bytes", "Resident memory.", () => process.memoryUsage.rss());
  gauge("nodejs_eventloop_lag_seconds", "How late a callback was that asked to run at once.", eventLoopLagSeconds);
  if (process.platform === "linux") {
    gauge("process_open_fds", "Open file descriptors.", async () => (await readdir("/proc/self/fd")).length);
  }
}

function cpuSeconds(kind: "user" | "system"): number {
  return process.cpuUsage()[kind] / 1e6;
}

function eventLoopLagSeconds(): Promise<number> {
  const askedMs = performance.now();
  return new Promise((resolve) => {
    setImmediate(() => resolve((performance.now() - askedMs) / 1000));
  });
}

// The process's own metrics, under the names of prom-client's default ones. Those that Bun cannot measure (garbage
// collection, heap spaces, libuv handles) are absent, and so are the timer and the observer that they would keep
// running.

import { readdir } from "node:fs/promises";
import { counter, gauge, type Metric, type Sample } from "./metric.ts";

export const processMetrics: readonly Metric<undefined>[] = [
  counter("process_cpu_user_seconds_total", "User CPU time spent.", () => process.cpuUsage().user / 1e6),
  counter("process_cpu_system_seconds_total", "System CPU time spent.", () => process.cpuUsage().system / 1e6),
  counter("process_cpu_seconds_total", "User and system CPU time spent.", () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  }),
  gauge(
    "process_start_time_seconds",
    "When the process started, in seconds since 1970.",
    () => performance.timeOrigin / 1000,
  ),
  measured("process_resident_memory_bytes", "Resident memory.", () => process.memoryUsage.rss()),
  measured("nodejs_eventloop_lag_seconds", "How late a callback was that asked to run at once.", eventLoopLagSeconds),
  ...(process.platform === "linux" ? [measured("process_open_fds", "Open file descriptors.", openFiles)] : []),
];

/** A gauge of the operating system; NaN if it cannot be read, because some containers hide parts of /proc. */
function measured(name: string, help: string, measure: () => number | Promise<number>): Metric<undefined> {
  const value = async (): Promise<number> => measure();
  const read = async (): Promise<Sample[]> => [[{}, await value().catch(() => Number.NaN)]];
  return { type: "gauge", name, help, labelNames: [], read };
}

async function openFiles(): Promise<number> {
  return (await readdir("/proc/self/fd")).length;
}

function eventLoopLagSeconds(): Promise<number> {
  const askedMs = performance.now();
  return new Promise((resolve) => {
    setImmediate(() => resolve((performance.now() - askedMs) / 1000));
  });
}

// What the kernel says of a process, CPU time and memory, and of the whole machine, from /proc.

import { readFileSync } from "node:fs";

/** Clock ticks a second; USER_HZ is 100 on every Linux that Bun runs on. */
const ticksPerSecond = 100;

/** CPU seconds (user and system, all threads) since its start. Throws when there is no such process. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field is the name in parentheses, which may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/**
 * CPU seconds that this machine's processors were busy since its start, by any process; time stolen from it
 * included.
 */
export function machineCpuSeconds(): number {
  const [line = ""] = readFileSync("/proc/stat", "utf8").split("\n");
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line.split(/\s+/).slice(1).map(Number);
  return (user + nice + system + irq + softirq + steal) / ticksPerSecond;
}

/** Resident memory in bytes. */
export function residentBytes(pid: number): number {
  return statusBytes(pid, /VmRSS:\s+(\d+) kB/);
}

/** The most resident memory that it ever had, in bytes. */
export function residentBytesPeak(pid: number): number {
  return statusBytes(pid, /VmHWM:\s+(\d+) kB/);
}

function statusBytes(pid: number, field: RegExp): number {
  return Number(field.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
}

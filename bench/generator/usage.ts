// What the generator and the server's processes used between two moments.

import { cpuSeconds, machineCpuSeconds, residentBytes } from "../process-usage.ts";
import type { Target } from "../server/target.ts";

/** CPU seconds up to a moment. */
export interface Usage {
  readonly atMs: number;
  readonly generator: number;
  readonly processes: readonly number[];
  readonly machine: number;
}

/** Cores that were used on average. */
export interface Shares {
  readonly generator: number;
  /** In the order of the target's processes. */
  readonly processes: readonly number[];
  /** Of the busiest process of the server; 0 when nothing is known of it. */
  readonly busiest: number;
  /** What everything else on this machine used. */
  readonly others: number;
}

export function usageOf({ processes }: { readonly processes: readonly { readonly pid: number }[] }): Usage {
  return {
    atMs: performance.now(),
    generator: cpuSeconds(process.pid),
    processes: processes.map(({ pid }) => cpuSeconds(pid)),
    machine: machineCpuSeconds(),
  };
}

export function sharesBetween(before: Usage, after: Usage): Shares {
  const seconds = (after.atMs - before.atMs) / 1000;
  const processes = after.processes.map((used, index) => (used - (before.processes[index] ?? 0)) / seconds);
  const generator = (after.generator - before.generator) / seconds;
  const ours = processes.reduce((total, share) => total + share, generator);
  return {
    generator,
    processes,
    busiest: Math.max(0, ...processes),
    others: Math.max(0, (after.machine - before.machine) / seconds - ours),
  };
}

/**
 * False when the generator used most of a core while the server did not; where nothing is known of it, a busy generator
 * is doubt enough.
 */
export function isGeneratorFree({ generator, busiest }: Shares): boolean {
  return generator < 0.9 || busiest > 0.8;
}

/** The CPU and memory that a result names. Nothing of a server that was not started here. */
export function usageFields(target: Target, shares: Shares): Record<string, number> {
  const generator = { generator_cpu: round(shares.generator), others_cpu: round(shares.others) };
  if (target.processes.length === 0) return generator;
  return { ...generator, server_cpu: round(shares.busiest), server_rss_mb: Math.max(...residentMb(target)) };
}

/** Of each process. */
export function residentMb({ processes }: Target): number[] {
  return processes.map(({ pid }) => Math.round(residentBytes(pid) / 2 ** 20));
}

/** CPU is counted in hundredths of a second. */
export function round(cores: number): number {
  return Math.round(cores * 1000) / 1000;
}

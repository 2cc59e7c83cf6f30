// A run of the bench in little, and what holds for every run that has figures.

import { expect } from "bun:test";
import { type Result, resultKeys, type Value } from "../../bench/result.ts";
import { type BenchRun, runBench } from "./command.ts";

export const msMax = 120_000;

/** What is wrong with a result, whatever was measured; nothing, however busy the machine is. */
export function faultsOf(result: Result): string[] {
  const { valid, doubt, sent, lost, max_ms: maxMs } = result;
  const faults = [
    Bun.deepEquals(Object.keys(result).slice(0, resultKeys.length), [...resultKeys]) ? [] : ["its keys are others"],
    typeof lost === "number" && lost !== 0 ? [`${lost} were lost`] : [],
    typeof sent === "number" && sent <= 0 ? ["nothing was sent"] : [],
    typeof sent === "number" && !isPositive(maxMs) ? [`max_ms is ${maxMs}`] : [],
    valid && doubt !== undefined ? [`it is valid, and doubtful: ${doubt}`] : [],
  ];
  return faults.flat();
}

export const isPositive = (value: Value | undefined): boolean => typeof value === "number" && value > 0;

/** What holds for every run that has figures. A failure shows what the bench said, and the result. */
export function isSound({ status, results, said }: BenchRun): readonly Result[] {
  expect({ said, hasResults: results.length > 0 }).toEqual({ said: "", hasResults: true });
  for (const result of results) expect({ faults: faultsOf(result), result }).toEqual({ faults: [], result });
  // A busy machine may make a generator late: then the run is invalid, and says so.
  expect(status).toBe(results.every(({ valid }) => valid) ? 0 : 1);
  return results;
}

export async function trial(scenario: string, ...words: string[]): Promise<readonly Result[]> {
  return isSound(await runBench("--trial", "--scenario", scenario, ...words));
}

import { expect, test } from "bun:test";
import { patiently } from "../../src/cli/import/patience.ts";

const busy = new Error("busy");
const isBusy = (error: unknown): boolean => error === busy;

/** What it slept, and what came of work that is refused so often. */
async function tried(refusals: number, error = busy): Promise<{ readonly slept: number[]; readonly end: unknown }> {
  const slept: number[] = [];
  let left = refusals;
  const work = (): Promise<string> => (left-- > 0 ? Promise.reject(error) : Promise.resolve("done"));
  const sleep = (ms: number): Promise<void> => {
    slept.push(ms);
    return Promise.resolve();
  };
  const end = await patiently(work, isBusy, sleep).catch((reason: unknown) => reason);
  return { slept, end };
}

test("a busy server is asked again, after pauses that double up to two seconds", async () => {
  expect(await tried(0)).toEqual({ slept: [], end: "done" });
  expect(await tried(8)).toEqual({ slept: [50, 100, 200, 400, 800, 1_600, 2_000, 2_000], end: "done" });
});

test("one that is busy for a minute is given up, and another refusal is not repeated", async () => {
  const { slept, end } = await tried(1_000);
  expect([slept.length, end]).toEqual([35, busy]);
  const other = new Error("no such app");
  expect(await tried(1, other)).toEqual({ slept: [], end: other });
});

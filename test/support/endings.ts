import { afterEach } from "bun:test";

/** Steps that run after each test of the file, the latest first. Call it at the top of the file. */
export function endings(): (() => unknown)[] {
  const steps: (() => unknown)[] = [];
  afterEach(async () => {
    for (const step of steps.splice(0).toReversed()) await step();
  });
  return steps;
}

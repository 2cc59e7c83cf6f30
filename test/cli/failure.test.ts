// How an error is reported: of several steps that failed, all of them.

import { expect, test } from "bun:test";
import { sentenceOf } from "../../src/cli/failure.ts";

test("every failed step of a teardown is reported, in the order of time", async () => {
  const steps = new AsyncDisposableStack();
  for (const name of ["third", "second", "first"]) steps.defer(() => Promise.reject(new Error(`the ${name} failed`)));
  const failed: unknown = await steps.disposeAsync().catch((error: unknown) => error);
  expect(sentenceOf(failed)).toBe("the first failed; then the second failed; then the third failed");
});

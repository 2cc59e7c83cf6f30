import { expect, test } from "bun:test";
import { join } from "node:path";

test("the library bundles for browsers without Bun's or Node's modules, with TCP in a chunk of its own", async () => {
  const { success, outputs } = await Bun.build({
    entrypoints: [join(import.meta.dir, "../../src/sdk/roost-client.ts")],
    target: "browser",
    splitting: true,
  });
  expect(success).toBe(true);
  for (const output of outputs) {
    expect((await output.text()).match(/(?:from|import\(|require\()\s*["'](?:node:|bun:|bun["'])/)).toBeNull();
  }
  const entry = outputs.find(({ kind }) => kind === "entry-point");
  expect(entry).toBeDefined();
  const text = (await entry?.text()) ?? "";
  expect(text.includes("RoostClient")).toBe(true);
  // Booleans, so that a failure does not print the bundle.
  expect([text.includes("Bun.connect"), /\bBuffer\b/.test(text)]).toEqual([false, false]);
});

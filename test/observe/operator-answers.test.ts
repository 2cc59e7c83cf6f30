import { expect, test } from "bun:test";
import { Registry } from "prom-client";
import { metricsAnswer } from "../../src/observe/operator-answers.ts";

test("what shows the metrics is read at the first scrape, and once for scrapes that come together", async () => {
  let reads = 0;
  const answer = metricsAnswer(async () => {
    reads++;
    return new Registry();
  });
  expect(reads).toBe(0);
  const answers = await Promise.all([answer(), answer()]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  expect((await answer()).status).toBe(200);
  expect(reads).toBe(1);
});

test("a scrape is rejected when what shows the metrics cannot be read", async () => {
  const answer = metricsAnswer(() => Promise.reject(new Error("no such chunk")));
  await expect(answer()).rejects.toThrow("no such chunk");
  await expect(answer()).rejects.toThrow("no such chunk");
});

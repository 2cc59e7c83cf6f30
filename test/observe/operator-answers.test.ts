import { expect, test } from "bun:test";
import { Registry } from "prom-client";
import { bodyText } from "../../src/transport/http/http-answer.ts";
import { metricsAnswer, scrapesMax } from "../../src/observe/operator-answers.ts";
import { until } from "../../scripts/harness/until.ts";

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

test("of more scrapes than may wait, the others get the last text at once", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let texts = 0;
  const registry = new Registry();
  registry.metrics = async () => {
    if (++texts > 1) await promise;
    return `text ${texts}`;
  };
  const answer = metricsAnswer(async () => registry);
  expect(bodyText(await answer())).toBe("text 1");
  // One that is being made, and those that wait for the next one.
  const making = answer();
  await until(() => texts > 1, "it is being made");
  const waiting = Array.from({ length: scrapesMax }, answer);
  for (let count = 0; count < 3; count++) expect(bodyText(await answer())).toBe("text 1");
  resolve();
  expect(bodyText(await making)).toBe("text 2");
  for (const scrape of waiting) expect(bodyText(await scrape)).toMatch(/^text [23]$/);
  expect(bodyText(await answer())).toMatch(/^text [34]$/);
});

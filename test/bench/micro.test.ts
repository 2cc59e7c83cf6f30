// Every case of the micro bench runs once, so that none rots. Nothing is measured here.

import { expect, test } from "bun:test";
import { topics } from "../../bench/micro/topics.ts";

for (const [topic, open] of topics) {
  test(`each case about ${topic} runs`, async () => {
    const { cases, close } = await open();
    try {
      expect(cases.length).toBeGreaterThan(0);
      const names = cases.map(({ name }) => name);
      expect(names.filter((name) => !name.startsWith(`${topic}/`))).toEqual([]);
      expect(new Set(names).size).toBe(names.length);
      for (const { name, run } of cases) expect(await run(), name).toBeDefined();
    } finally {
      await close?.();
    }
  });
}

// The memory of the web chat while an hour's traffic of `roost demo` comes to it, in less time.

import { describe, expect, test } from "bun:test";
import { hourOfDemo, keptInAnHour } from "../../bench/web/demo-hour.ts";
import { seededRandom } from "../../src/base/random.ts";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { testSeed } from "../support/random.ts";
import { webStage } from "../support/web-stage.ts";

const stage = webStage();

describe.skipIf(chromium === undefined)("the web chat", () => {
  test(
    "after an hour's traffic a page keeps at most a fifth more than after the first minutes, and a tenth more data",
    async () => {
      const random = seededRandom(testSeed("memory"));
      const wish = { ...hourOfDemo, random, perSecond: 80, lookMs: 1_000 };
      const { before, after } = await keptInAnHour(stage, wish);
      expect(after.heapBytes / before.heapBytes).toBeLessThan(1.2);
      // Without compiled code, which grows with what V8 has found worth it.
      expect(after.dataBytes / before.dataBytes).toBeLessThan(1.1);
      expect(after.nodes).toBeLessThan(5_000);
    },
    4 * browserTestMsMax,
  );
});

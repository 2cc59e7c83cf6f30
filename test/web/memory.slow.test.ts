// The memory of the web chat while an hour's traffic of `roost demo` comes to it, in less time.

import { describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { seededRandom } from "../../src/base/random.ts";
import { systemRuntime } from "../../src/base/runtime.ts";
import { castOf } from "../../src/cli/demo/cast.ts";
import { setStage } from "../../src/cli/demo/stage.ts";
import { Traffic } from "../../src/cli/demo/traffic.ts";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { testSeed } from "../support/random.ts";
import { openRoom } from "../support/web-page.ts";
import { webStage } from "../support/web-stage.ts";

/** What `roost demo` says in an hour, in the first minutes, and here in a second. */
const hour = 7_200;
/** What each conversation begins with: as much as one that is opened loads, at the first look and at the last one. */
const pageSize = 200;
const firstMinutes = 600;
const perSecond = 80;
const people = 20;
const groups = 4;
/** Between two looks at another conversation. */
const lookMs = 1_000;

const stage = webStage();

interface Kept {
  readonly heapBytes: number;
  readonly nodes: number;
  readonly listeners: number;
}

/** What the page keeps when all is collected that can be. */
async function keptBy(page: Page): Promise<Kept> {
  const tools = await page.context().newCDPSession(page);
  await tools.send("Performance.enable");
  for (let times = 0; times < 3; times++) await tools.send("HeapProfiler.collectGarbage");
  const { metrics } = await tools.send("Performance.getMetrics");
  await tools.detach();
  const of = (wanted: string): number => metrics.find(({ name }) => name === wanted)?.value ?? NaN;
  return { heapBytes: of("JSHeapUsedSize"), nodes: of("Nodes"), listeners: of("JSEventListeners") };
}

describe.skipIf(chromium === undefined)("the web chat", () => {
  test(
    "after an hour's traffic a page keeps at most a fifth more than after the first minutes",
    async () => {
      const seed = testSeed("memory");
      const random = seededRandom(seed);
      const way = { url: `tcp://${stage.server.tcp}`, tokenOf: (account: string) => stage.token(account) };
      const scene = await setStage({ people: castOf(people, random), groups, guest: "ann", way, random });
      const traffic = new Traffic({ ...scene, ...systemRuntime, random, rate: perSecond });
      await traffic.fill(pageSize);
      const page = await stage.person("ann");
      await page.locator(".row").nth(groups).waitFor();
      const home = (await page.locator(".row-title").first().textContent()) ?? "";
      traffic.start();
      /** Looks at one conversation after the other until so much was said, and comes back to the first one. */
      const lookAround = async (messages: number): Promise<void> => {
        const end = traffic.counts.messages + messages;
        for (let at = 0; traffic.counts.messages < end; at++) {
          await page
            .locator(".row")
            .nth(at % groups)
            .click();
          await Bun.sleep(lookMs);
        }
        await openRoom(page, home);
        await page.locator(".message").nth(5).waitFor();
      };
      await lookAround(firstMinutes);
      const before = await keptBy(page);
      await lookAround(hour);
      const after = await keptBy(page);
      await traffic.stop();
      const { messages, reactions, edits, recalls } = traffic.counts;
      const said = `${messages} messages, ${reactions} reactions, ${edits} edits, ${recalls} recalls`;
      const inMb = ({ heapBytes }: Kept): string => `${(heapBytes / 1e6).toFixed(1)} MB`;
      console.log(`${said}: heap ${inMb(before)}, then ${inMb(after)}; ${before.nodes}, then ${after.nodes} nodes`);
      expect(after.heapBytes / before.heapBytes).toBeLessThan(1.2);
      expect(after.nodes).toBeLessThan(5_000);
    },
    4 * browserTestMsMax,
  );
});

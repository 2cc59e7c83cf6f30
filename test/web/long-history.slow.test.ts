// A conversation of 100,000 messages in the web chat, from its end to its beginning, and through all of it.

import { describe, expect, test } from "bun:test";
import { scrollUp, writeHistory } from "../../bench/web/long-history.ts";
import { scrollFrames } from "../../bench/web/page-times.ts";
import { fastPerFrame, readerPerFrame } from "../../bench/web/pixels.ts";
import { chromium } from "../support/browser.ts";
import { testLimits } from "../support/limits.ts";
import { hears, openRoom } from "../support/web-page.ts";
import { webStage } from "../support/web-stage.ts";

const messages = 100_000;
/** The last pages, before which nearly all is loaded. */
const lastMessages = 10_000;
const scrollMs = 5_000;
/** More than are ever in sight, with those around them. */
const inDocumentMax = 120;
const testMsMax = 600_000;

const stage = webStage({ limits: testLimits({ requestsPerSecond: 100_000 }) });

describe.skipIf(chromium === undefined)("the web chat", () => {
  test(
    "100,000 messages come by scrolling up, each of them, in order, without a gap",
    async () => {
      const places = await writeHistory(stage, { from: "ben", to: "ann", messages });
      const ann = await stage.person("ann");
      await openRoom(ann, "ben");
      await hears(ann, `number ${places.indexOf(messages - 1)}`);
      const { most, lowest, faults } = await scrollUp(ann, places, lastMessages);
      expect({ lowest, faults }).toEqual({ lowest: 0, faults: [] });
      expect(most).toBeLessThan(inDocumentMax);
      for (const step of [readerPerFrame, fastPerFrame]) await scrollFrames(ann, ".scroller", step, scrollMs);
      expect(await ann.locator(".message").count()).toBeLessThan(inDocumentMax);
    },
    testMsMax,
  );
});

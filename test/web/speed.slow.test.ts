// What the bench measures in the web chat: messages on another browser, conversations that open, the page itself. Here
// it is what is shown that counts, however long it takes.

import { describe, expect, test } from "bun:test";
import { fillList, openEach, reload, visitFirst } from "../../bench/web/openings.ts";
import { talkBetween } from "../../bench/web/talks.ts";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { testLimits } from "../support/limits.ts";
import { webStage } from "../support/web-stage.ts";

const talks = 300;
/** In the list, of which some are opened. */
const conversations = 500;
const opened = 30;
const reloads = 3;
/** More than are in sight, with those around them. */
const rowsMax = 40;

const stage = webStage({ limits: testLimits({ requestsPerSecond: 100_000 }) });

describe.skipIf(chromium === undefined)("the web chat", () => {
  test(
    "what one writes comes to the other browser, each message once and in order",
    async () => {
      const { shown } = await talkBetween(stage, talks);
      const expected = Array.from({ length: 10 }, (_, at) => `t${talks - 10 + at}`);
      expect(shown.map((texts) => texts.slice(-10))).toEqual([expected, expected]);
    },
    browserTestMsMax,
  );

  test(
    "of 500 conversations, those that are clicked open with their messages, and each visit shows the list",
    async () => {
      const list = { count: conversations, opened, lines: 60 };
      await fillList(stage, list);
      const page = await stage.person("pat");
      expect(await openEach(page, list)).toHaveLength(opened);
      expect(await reload(page, reloads)).toHaveLength(reloads);
      expect(await page.locator(".row").count()).toBeLessThan(rowsMax);
      const { times, bytes } = await visitFirst(stage, 1);
      expect(times).toHaveLength(1);
      expect(bytes).toBeGreaterThan(0);
    },
    2 * browserTestMsMax,
  );
});

// 10,000 conversations in the list of the web chat.

import { describe, expect, test } from "bun:test";
import { fillConversations, typed, typedBeside } from "../../bench/web/typing.ts";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { testLimits } from "../support/limits.ts";
import { begin, openRoom } from "../support/web-page.ts";
import { webStage } from "../support/web-stage.ts";

const conversations = 10_000;
/** Messages of others while somebody types, in a second. */
const perSecond = 50;
const rowHeight = 64;

const stage = webStage({ limits: testLimits({ requestsPerSecond: 100_000 }) });

describe.skipIf(chromium === undefined)("the web chat", () => {
  test(
    "10,000 conversations come by scrolling, are searched, and let one type while messages come",
    async () => {
      await fillConversations(stage, conversations);
      const page = await stage.person("pat");
      await page.locator(".row").first().waitFor();
      const height = await page.evaluate(async (wanted) => {
        const list = document.querySelector(".list");
        const rows = (): number => list?.querySelector("ul")?.clientHeight ?? 0;
        for (let frames = 0; rows() < wanted && frames < 20_000; frames++) {
          list?.scrollTo(0, list.scrollHeight);
          await new Promise((next) => requestAnimationFrame(next));
        }
        return rows();
      }, conversations * rowHeight);
      expect(height).toBe(conversations * rowHeight);
      expect(await page.locator(".row").count()).toBeLessThan(40);
      await page.getByRole("searchbox").focus();
      await typed(page, "friend-7777");
      await page.locator(".row", { hasText: "to 7777." }).waitFor();
      expect(await page.locator(".row").count()).toBe(1);
      await page.getByRole("searchbox").fill("to 123");
      await page.locator(".row", { hasText: "to 123." }).waitFor();
      // Those of 123, 1230 to 1239.
      expect(await page.evaluate(() => document.querySelector(".list ul")?.clientHeight)).toBe(11 * rowHeight);
      await page.getByRole("searchbox").fill("");
      await page.locator(".row").nth(5).waitFor();
      await begin(page, "friend-1");
      await page.getByLabel("Write a message").focus();
      const text = "what one types while so much comes is shown at once, with each key";
      const { sent } = await typedBeside(stage, page, { text, conversations, perSecond });
      expect(await page.getByLabel("Write a message").inputValue()).toBe(text);
      await page.evaluate(() => document.querySelector(".list")?.scrollTo(0, 0));
      await page.locator(".row", { hasText: `news ${sent - 1}` }).waitFor();
      await openRoom(page, /^friend-500$/);
      await page.getByRole("main", { name: "friend-500" }).waitFor();
    },
    3 * browserTestMsMax,
  );
});

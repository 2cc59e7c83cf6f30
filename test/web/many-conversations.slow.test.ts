// 10,000 conversations in the list of the web chat.

import { describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { testLimits } from "../support/limits.ts";
import { sentenceOf } from "../support/page-times.ts";
import { begin, openRoom } from "../support/web-page.ts";
import { webStage } from "../support/web-stage.ts";

const conversations = 10_000;
/** Talks before their answers are waited for. */
const inFlight = 500;
/** Messages of others while somebody types, in a second. */
const perSecond = 50;
const rowHeight = 64;

const stage = webStage({ limits: testLimits({ requestsPerSecond: 100_000 }) });

/** Types into what has the focus, a key at a time. Returns the times from each key until the frame that shows it. */
async function typed(page: Page, text: string): Promise<readonly number[]> {
  await page.evaluate(() => {
    const times: number[] = [];
    Object.assign(window, { times });
    addEventListener("input", ({ timeStamp }) =>
      requestAnimationFrame(() => setTimeout(() => times.push(performance.now() - timeStamp))),
    );
  });
  await page.keyboard.type(text, { delay: 40 });
  const all = await page.waitForFunction((count) => {
    const times: unknown = Reflect.get(window, "times");
    return Array.isArray(times) && times.length >= count ? times.map(Number) : undefined;
  }, text.length);
  return (await all.jsonValue()) ?? [];
}

describe.skipIf(chromium === undefined)("the web chat", () => {
  test(
    "10,000 conversations come by scrolling, are searched, and let one type while messages come",
    async () => {
      const pat = await stage.talker("pat");
      for (let at = 0; at < conversations; at += inFlight)
        await Promise.all(
          Array.from({ length: inFlight }, (_, i) => pat.talkToUser(`friend-${at + i}`, { body: `to ${at + i}.` })),
        );
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
      console.log(`from a key in the search until its frame: ${sentenceOf(await typed(page, "friend-7777"))}`);
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
      const typing = new AbortController();
      let sent = 0;
      const friends = await Promise.all(Array.from({ length: 20 }, (_, at) => stage.talker(`friend-${at * 400}`)));
      const traffic = (async () => {
        for (; !typing.signal.aborted; sent++) {
          await friends[sent % friends.length]?.talkToUser("pat", { body: `news ${sent}` });
          await Bun.sleep(1_000 / perSecond);
        }
      })();
      const text = "what one types while so much comes is shown at once, with each key";
      const times = await typed(page, text);
      typing.abort();
      await traffic;
      console.log(`from a key in a message until its frame, with ${perSecond} messages a second: ${sentenceOf(times)}`);
      expect(await page.getByLabel("Write a message").inputValue()).toBe(text);
      await page.evaluate(() => document.querySelector(".list")?.scrollTo(0, 0));
      await page.locator(".row", { hasText: `news ${sent - 1}` }).waitFor();
      await openRoom(page, /^friend-400$/);
      await page.getByRole("main", { name: "friend-400" }).waitFor();
    },
    3 * browserTestMsMax,
  );
});

// A conversation that stays open while more is said than the page keeps.

import { describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import type { RoostClient } from "../../src/sdk/core.ts";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { testLimits } from "../support/limits.ts";
import { hears, openRoom, say } from "../support/web-page.ts";
import { webStage } from "../support/web-stage.ts";

/** Before the page opens, and while it is open: several times what it keeps. */
const before = 1_000;
const meanwhile = 5_000;
const inFlight = 500;
/** In pixels; less than what is in the document, so that each message is in it in some frame. */
const perFrame = 1_000;

const stage = webStage({ limits: testLimits({ requestsPerSecond: 100_000 }) });

/** Says very much, and then how much. */
async function count(client: RoostClient, account: string, from: number, messages: number): Promise<void> {
  for (let at = 0; at < messages; at += inFlight) {
    const talks = Array.from({ length: inFlight }, () => client.talkToUser(account, { body: "said" }));
    await Promise.all(talks);
  }
  await client.talkToUser(account, { body: `number ${from + messages}` });
}

/** What the reader sees at the upper edge: which message, by its key, and where it is. */
const atTop = (page: Page): Promise<readonly [string, number]> =>
  page.evaluate(() => {
    const top = document.querySelector(".scroller")?.getBoundingClientRect().top ?? 0;
    const found = [...document.querySelectorAll(".message")].find(
      (one) => one.getBoundingClientRect().bottom > top + 1,
    );
    return [found?.getAttribute("data-key") ?? "", Math.round((found?.getBoundingClientRect().top ?? 0) - top)];
  });

/** Scrolls to the end of all in one direction; returns the keys of the messages on the way, in their order. */
const walk = (page: Page, step: number, last: string): Promise<readonly string[]> =>
  page.evaluate(
    async ({ by, goal }) => {
      const scroller = document.querySelector(".scroller");
      const seen = new Set<string>();
      for (let frames = 0; frames < 20_000; frames++) {
        await new Promise((next) => requestAnimationFrame(next));
        const shown = Array.from(document.querySelectorAll(".message"), (one) => one.getAttribute("data-key") ?? "");
        if (by < 0) shown.reverse();
        for (const key of shown) seen.add(key);
        if (document.querySelector(".rows")?.textContent?.includes(goal) === true && seen.size > 1_000) break;
        scroller?.scrollBy(0, by);
      }
      return [...seen];
    },
    { by: step, goal: last },
  );

describe.skipIf(chromium === undefined)("the web chat", () => {
  test(
    "who has scrolled up stays there, however much is said; all of it comes by scrolling, up and down",
    async () => {
      const ben = await stage.talker("ben");
      const { id } = await ben.talkToUser("ann", { body: "the first one" });
      await count(ben, "ann", 0, before);
      const reader = await stage.somebody("ann");
      const conversation = reader.conversation({ account: "ben" });
      await conversation.markRead();
      const ann = await stage.person("ann");
      await openRoom(ann, "ben");
      await hears(ann, `number ${before}`);
      await ann.locator(".scroller").hover();
      await ann.mouse.wheel(0, -3_000);
      await ann.getByRole("button", { name: "To the end" }).waitFor();
      // What is loaded above has come, and nothing moves any more.
      let place = await atTop(ann);
      for (let same = 0; same < 5;) {
        await ann.waitForTimeout(100);
        const now = await atTop(ann);
        same = String(now) === String(place) ? same + 1 : 0;
        place = now;
      }
      await count(ben, "ann", before, meanwhile);
      await ann.getByRole("button", { name: /1,?000 new messages/ }).waitFor();
      await ann.waitForTimeout(500);
      expect(await atTop(ann)).toEqual(place);

      // The end at once, also for who writes.
      await ann.getByRole("button", { name: /new messages/ }).click();
      await hears(ann, `number ${before + meanwhile}`);
      await ben.talkToUser("ann", { body: "it goes on" });
      await hears(ann, "it goes on");

      // Every message, in order, up and down again.
      const all: string[] = [];
      for await (const { messages } of conversation.history({ limit: 200 }))
        all.unshift(...messages.map((one) => String(one.id)));
      expect(all[0]).toBe(String(id));
      const up = await walk(ann, -perFrame, "the first one");
      expect(up.toReversed()).toEqual(all);
      const down = await walk(ann, perFrame, "it goes on");
      expect(down).toEqual(all);

      // From far above.
      await walk(ann, -perFrame, `number ${before}`);
      await say(ann, "my own line");
      await hears(ann, "my own line");
      await ann.getByRole("button", { name: /new messages|To the end/ }).waitFor({ state: "detached" });
    },
    4 * browserTestMsMax,
  );

  test(
    "at the end of a conversation, the page keeps a bounded part of what is said",
    async () => {
      const cora = await stage.person("cora");
      const dan = await stage.talker("dan");
      await dan.talkToUser("cora", { body: "hello" });
      await openRoom(cora, "dan");
      await hears(cora, "hello");
      await count(dan, "cora", 0, meanwhile);
      await hears(cora, `number ${meanwhile}`);
      const height = await cora.evaluate(() => document.querySelector(".rows")?.getBoundingClientRect().height ?? 0);
      const row = await cora.evaluate(() => document.querySelector(".message:not(.is-first)")?.clientHeight ?? NaN);
      // 17 parts of 200, and days and authors.
      expect(height).toBeLessThan(row * 17 * 200 * 1.1);
      await cora.getByRole("button", { name: /new messages|To the end/ }).waitFor({ state: "detached" });
    },
    4 * browserTestMsMax,
  );
});

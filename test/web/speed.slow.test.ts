// What a person waits for in the web chat: a message on another browser, a conversation that opens, the page itself.
// The tests check what is shown, and print how long it took.

import { describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { testLimits } from "../support/limits.ts";
import { noteShown, pressedAt, sentenceOf, shownAt } from "../support/page-times.ts";
import { begin, hears, openRoom } from "../support/web-page.ts";
import { webStage } from "../support/web-stage.ts";

const talks = 300;
/** In the list, of which some are opened. */
const conversations = 500;
const opened = 30;
const reloads = 10;

const stage = webStage({ limits: testLimits({ requestsPerSecond: 100_000 }) });

describe.skipIf(chromium === undefined)("the web chat", () => {
  test(
    "what one writes comes to the other browser, each message once and in order",
    async () => {
      const [ann, ben] = [await stage.person("ann"), await stage.person("ben")];
      await begin(ann, "ben");
      await ann.getByLabel("Write a message").fill("first");
      await ann.keyboard.press("Enter");
      await openRoom(ben, "ann");
      await hears(ben, "first");
      await Promise.all([noteShown(ann), noteShown(ben)]);
      const [toSelf, toOther]: number[][] = [[], []];
      for (let at = 0; at < talks; at++) {
        await ann.keyboard.type(`t${at}`);
        await ann.keyboard.press("Enter");
        const shown = await shownAt(ben, `t${at}`);
        const pressed = await pressedAt(ann);
        toSelf?.push((await shownAt(ann, `t${at}`)) - pressed);
        toOther?.push(shown - pressed);
      }
      console.log(`from the key press until it is shown, on the own page: ${sentenceOf(toSelf ?? [])}`);
      console.log(`from the key press until it is shown, on the other one: ${sentenceOf(toOther ?? [])}`);
      const texts = (page: Page): Promise<readonly string[]> => page.locator(".message .text").allTextContents();
      const expected = Array.from({ length: 10 }, (_, at) => `t${talks - 10 + at}`);
      expect([(await texts(ann)).slice(-10), (await texts(ben)).slice(-10)]).toEqual([expected, expected]);
    },
    browserTestMsMax,
  );

  test(
    "of 500 conversations, those that are clicked open with their messages, and a reload shows the list again",
    async () => {
      const pat = await stage.talker("pat");
      for (let at = 0; at < conversations; at++) {
        const lines = at < conversations - opened ? 1 : 60;
        for (let line = 0; line < lines; line++) await pat.talkToUser(`friend-${at}`, { body: `${line} to ${at}` });
      }
      const page = await stage.person("pat");
      await page.locator(".row", { hasText: `59 to ${conversations - 1}` }).waitFor();
      await noteShown(page);
      const times: number[] = [];
      for (let at = conversations - 1; at >= conversations - opened; at--) {
        await openRoom(page, new RegExp(`^friend-${at}$`));
        times.push((await shownAt(page, `59 to ${at}`)) - (await pressedAt(page)));
        await page.getByRole("main", { name: `friend-${at}` }).waitFor();
      }
      console.log(`from the click until the messages are shown: ${sentenceOf(times)}`);
      await page.addInitScript(() => {
        new MutationObserver((_, observer) => {
          if (document.querySelector(".row") === null) return;
          observer.disconnect();
          requestAnimationFrame(() => setTimeout(() => Object.assign(window, { listedMs: performance.now() })));
        }).observe(document, { childList: true, subtree: true });
      });
      const starts: number[] = [];
      for (let at = 0; at < reloads; at++) {
        await page.reload();
        await page.locator(".row", { hasText: `59 to ${conversations - 1}` }).waitFor();
        const listed = await page.waitForFunction(() => Number(Reflect.get(window, "listedMs") ?? 0));
        starts.push(await listed.jsonValue());
      }
      console.log(`from the begin of a reload until the list is shown: ${sentenceOf(starts)}`);
      expect(await page.locator(".row").count()).toBeLessThan(40);
    },
    2 * browserTestMsMax,
  );
});

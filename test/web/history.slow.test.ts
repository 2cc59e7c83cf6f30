// Long conversations in the web chat, groups, and what is told to those who do not look.

import { describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { Community } from "../../src/sdk/community/community.ts";
import { until } from "../../scripts/harness/until.ts";
import type { Messenger } from "../../src/sdk/messenger/messenger.ts";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { details, openDetails } from "../support/web-details.ts";
import { begin, hears, openRoom, say } from "../support/web-page.ts";
import { webStage } from "../support/web-stage.ts";

const stage = webStage();

async function talkMany(from: Messenger, to: string, count: number, text: string): Promise<void> {
  for (let at = 0; at < count; at++) await from.talkToUser(to, { body: `${text} ${at}` });
}

/** The numbers at the ends of the messages in the document that are in sight, in their order. */
const inSight = (page: Page): Promise<readonly number[]> =>
  page.evaluate(() => {
    const box = document.querySelector(".scroller")?.getBoundingClientRect();
    return [...document.querySelectorAll(".message")]
      .filter((one) => {
        const { top, bottom } = one.getBoundingClientRect();
        return box !== undefined && bottom > box.top + 1 && top < box.bottom - 1;
      })
      .map((one) => Number(/(\d+)\s*$/.exec(one.querySelector(".text")?.textContent ?? "")?.[1]));
  });

const scrollTop = (page: Page, top: number): Promise<void> =>
  page.evaluate((y) => document.querySelector(".scroller")?.scrollTo(0, y), top);

/** How far the messages in the document go above the view, in pixels. */
const aboveView = (page: Page): Promise<number> =>
  page.evaluate(() => {
    const topOf = (which: string): number => document.querySelector(which)?.getBoundingClientRect().top ?? Infinity;
    return topOf(".scroller") - topOf(".message");
  });

describe.skipIf(chromium === undefined)("the web chat", () => {
  test(
    "a conversation opens with few messages above the view; more are there once its reader has scrolled",
    async () => {
      await talkMany(await stage.somebody("guy"), "fay", 100, "number");
      const reader = await stage.somebody("fay");
      await reader.conversation({ account: "guy" }).markRead();
      const fay = await stage.person("fay");
      await openRoom(fay, "guy");
      await hears(fay, "number 99");
      const above = await aboveView(fay);
      expect(above).toBeGreaterThanOrEqual(200);
      expect(above).toBeLessThan(450);
      await fay.evaluate(() => document.querySelector(".scroller")?.scrollBy(0, -300));
      await until(async () => (await aboveView(fay)) > 450, "more are there");
    },
    browserTestMsMax,
  );

  test(
    "a conversation opens at the first unread message, and its whole history comes by scrolling, in order",
    async () => {
      const ben = await stage.somebody("ben");
      await talkMany(ben, "ann", 700, "old");
      const reader = await stage.somebody("ann");
      await reader.conversation({ account: "ben" }).markRead();
      await talkMany(ben, "ann", 300, "number");
      const ann = await stage.person("ann");
      await ann.getByLabel("300 unread messages").waitFor();
      await openRoom(ann, "ben");
      await ann.getByText("New since you were here").waitFor();
      await hears(ann, "number 0");
      expect(await ann.locator(".message").count()).toBeLessThan(60);
      // Below are those that were not seen.
      await ann.getByRole("button", { name: /new messages/ }).click();
      await hears(ann, "number 299");
      await ann.getByRole("button", { name: /new messages|To the end/ }).waitFor({ state: "detached" });
      let before = await inSight(ann);
      expect(before.at(-1)).toBe(299);
      for (let tries = 0; tries < 300 && !(await inSight(ann)).includes(0); tries++) {
        await scrollTop(ann, 0);
        await ann.waitForTimeout(20);
      }
      await hears(ann, "old 0");
      before = await inSight(ann);
      expect(before).toEqual(before.map((_, at) => at));
    },
    browserTestMsMax,
  );

  test(
    "what is below a view that became lower since the last one is not read",
    async () => {
      const finn = await stage.somebody("finn");
      await talkMany(finn, "eli", 1, "first");
      const reader = await stage.somebody("eli");
      const eli = await stage.person("eli", { viewport: { width: 360, height: 800 } });
      await openRoom(eli, "finn");
      await hears(eli, "first 0");
      await eli.getByRole("button", { name: "Back" }).click();
      await eli.setViewportSize({ width: 360, height: 400 });
      await talkMany(finn, "eli", 30, "late");
      await eli.getByLabel("30 unread messages").waitFor();
      await openRoom(eli, "finn");
      await eli.getByText("New since you were here").waitFor();
      const unread = (): number => reader.conversations.items.find(({ key }) => key === "u:finn")?.unread ?? 0;
      await until(() => unread() < 30, "the page has told what was read");
      const last = (await inSight(eli)).at(-1) ?? NaN;
      expect(last).toBeLessThan(20);
      expect(unread()).toBeGreaterThanOrEqual(29 - last);
    },
    browserTestMsMax,
  );

  test(
    "what one reads stays in its place when messages come below; a button says how many",
    async () => {
      const dan = await stage.somebody("dan");
      await talkMany(dan, "cora", 100, "line");
      const cora = await stage.person("cora");
      await openRoom(cora, "dan");
      await hears(cora, "line 0");
      await scrollTop(cora, 1_500);
      await cora.waitForTimeout(200);
      const before = await inSight(cora);
      await talkMany(dan, "cora", 3, "late");
      await cora.getByRole("button", { name: /new messages/ }).waitFor();
      await cora.waitForTimeout(300);
      expect(await inSight(cora)).toEqual(before);
      await cora.getByRole("button", { name: /new messages/ }).click();
      await hears(cora, "late 2");
      await talkMany(dan, "cora", 1, "last");
      await hears(cora, "last 0");
      // Who writes sees what was written.
      await scrollTop(cora, 100);
      await say(cora, "mine 7");
      await hears(cora, "mine 7");
    },
    browserTestMsMax,
  );

  test(
    "the quoted line of an answer leads to a message that was not loaded",
    async () => {
      const [fred, gus] = [await stage.somebody("fred"), await stage.somebody("gus")];
      const first = await fred.talkToUser("gus", { body: "the question 1" });
      await talkMany(fred, "gus", 500, "between");
      await gus.talkToUser("fred", { body: "the answer 2", replyTo: first.id });
      await gus.conversation({ account: "fred" }).markRead();
      const page = await stage.person("gus");
      await openRoom(page, "fred");
      await page.locator("button.quote", { hasText: "the question 1" }).click();
      await page.locator(".message.is-jumped", { hasText: "the question 1" }).waitFor();
      expect(await inSight(page)).toContain(1);
    },
    browserTestMsMax,
  );

  for (const [place, width] of [
    ["beside", 1024],
    ["in front of", 360],
  ] as const)
    test(
      `a pinned message leads to its place, from details that stand ${place} the messages`,
      async () => {
        const [pinner, reader] = [`pinner-${width}`, `reader-${width}`];
        const [hugo, iris] = [await stage.somebody(pinner), await stage.somebody(reader)];
        const first = await hugo.talkToUser(reader, { body: "what is pinned 1" });
        await talkMany(hugo, reader, 200, "between");
        await iris.conversation({ account: pinner }).markRead();
        await Community.of(iris).pinMessage({ account: pinner }, first.id);
        const page = await stage.person(reader, { viewport: { width, height: 700 } });
        await openRoom(page, pinner);
        await hears(page, "between 199");
        await openDetails(page);
        await details(page).getByRole("button", { name: "what is pinned 1" }).click();
        await page.locator(".message.is-jumped", { hasText: "what is pinned 1" }).waitFor();
        await details(page).waitFor({ state: "detached" });
        await page.waitForFunction(() => document.activeElement?.textContent?.includes("what is pinned 1"));
        expect(await inSight(page)).toContain(1);
      },
      browserTestMsMax,
    );

  test(
    "in a group, members are completed behind an @, are shown by their names, and see that they are meant",
    async () => {
      const [hal, ivy] = [await stage.somebody("hal"), await stage.somebody("ivy")];
      await Community.of(ivy).setProfile({ name: "Ivy Green" });
      const { id } = await hal.newGroup({ name: "Garden", members: ["ivy", "jay"] });
      await ivy.talkToGroup(id, { body: "who waters it?" });
      const [halPage, jayPage] = [await stage.person("hal"), await stage.person("jay")];
      await openRoom(halPage, "Garden");
      await halPage.getByText("3 members").waitFor();
      await halPage.locator(".author", { hasText: "Ivy Green" }).first().waitFor();
      await halPage.getByLabel("Write a message").pressSequentially("ask @ja");
      await halPage.getByRole("option", { name: /jay/ }).waitFor();
      await halPage.keyboard.press("Enter");
      await halPage.keyboard.type("please");
      await halPage.keyboard.press("Enter");
      await jayPage.getByLabel("you are mentioned").waitFor();
      await openRoom(jayPage, "Garden");
      await jayPage.locator(".mention.is-me", { hasText: "@jay" }).waitFor();
      await halPage.locator(".message", { hasText: "please" }).hover();
      // What jay has read is on its way.
      for (const answer = halPage.getByText("Read by jay."); !(await answer.isVisible());) {
        await halPage.getByRole("button", { name: "Who has read it?" }).last().click();
        await halPage.waitForTimeout(100);
      }
    },
    browserTestMsMax,
  );

  test(
    "a message that the server refuses says why, and is tried again or deleted",
    async () => {
      const leo = await stage.somebody("leo");
      await Community.of(leo).setSettings({ write: "nobody" });
      const kay = await stage.person("kay");
      await kay.getByRole("button", { name: "New conversation" }).first().click();
      await kay.getByLabel("Account").fill("leo");
      await kay.keyboard.press("Enter");
      await say(kay, "may I?");
      await kay.getByText("Not sent:").waitFor();
      await Community.of(leo).setSettings({ write: "everybody" });
      await kay.getByRole("button", { name: "Retry" }).click();
      await kay.getByRole("img", { name: "stored" }).waitFor();
      await Community.of(leo).block("kay");
      await say(kay, "once more");
      await kay.getByText("Not sent:").waitFor();
      await kay.getByRole("button", { name: "Delete" }).click();
      await kay.locator(".message", { hasText: "once more" }).waitFor({ state: "detached" });
    },
    browserTestMsMax,
  );

  test(
    "a turn of the wheel stays when it brings another message under the pointer",
    async () => {
      const gil = await stage.person("gil");
      await begin(gil, "hal");
      for (const number of [1, 2, 3]) await say(gil, `${"line\n".repeat(14)}tall ${number}`);
      await hears(gil, "tall 3");
      const box = await gil.locator(".scroller").boundingBox();
      await gil.mouse.move((box?.x ?? 0) + 180, (box?.y ?? 0) + 140);
      await gil.mouse.wheel(0, -300);
      await gil.getByText("tall 1").waitFor();
      await gil.waitForFunction(() => {
        const list = document.querySelector(".scroller");
        return list !== null && list.scrollHeight - list.scrollTop - list.clientHeight >= 250;
      });
    },
    browserTestMsMax,
  );

  test(
    "a long list comes by scrolling, and of its rows those in sight are in the document",
    async () => {
      const pat = await stage.somebody("pat");
      for (let at = 0; at < 260; at++) await pat.talkToUser(`friend-${at}`, { body: `to ${at}` });
      const page = await stage.person("pat");
      await page.locator(".row", { hasText: "to 259" }).waitFor();
      const first = page.locator(".row", { hasText: "to 0" });
      for (let tries = 0; tries < 100 && !(await first.isVisible()); tries++) {
        await page.evaluate(() => document.querySelector(".list")?.scrollTo(0, 1e9));
        await page.waitForTimeout(50);
      }
      expect(await page.locator(".row").count()).toBeLessThan(40);
      expect(await page.evaluate(() => document.querySelector(".list ul")?.clientHeight)).toBe(260 * 64);
      await first.focus();
      await page.keyboard.press("Home");
      await page.waitForFunction(() => document.activeElement?.textContent?.includes("to 259"));
      await page.keyboard.press("ArrowDown");
      await page.waitForFunction(() => document.activeElement?.textContent?.includes("to 258"));
      await page.getByRole("searchbox").fill("friend-77");
      await page.locator(".row", { hasText: "to 77" }).waitFor();
      expect(await page.locator(".row").count()).toBe(1);
    },
    browserTestMsMax,
  );

  test(
    "who does not look is notified of a message, but not of a muted conversation",
    async () => {
      const [max, nina] = [await stage.somebody("max"), await stage.somebody("nina")];
      await max.talkToUser("ola", { body: "one" });
      await nina.talkToUser("ola", { body: "two" });
      const ola = await stage.person("ola");
      await openRoom(ola, "nina");
      await ola.getByRole("button", { name: "Menu" }).last().click();
      await ola.getByRole("menuitem", { name: "Mute" }).click();
      await ola.getByRole("img", { name: "muted" }).waitFor();
      await ola.evaluate(() => {
        const shown: string[] = [];
        class Recorded extends EventTarget {
          static readonly permission = "granted";
          constructor(title: string, { body }: { readonly body: string }) {
            super();
            shown.push(`${title}: ${body}`);
          }
        }
        Object.assign(window, { Notification: Recorded, shown });
        Object.defineProperty(document, "visibilityState", { value: "hidden" });
      });
      await nina.talkToUser("ola", { body: "not this" });
      await max.talkToUser("ola", { body: "but this" });
      await ola.waitForFunction(() => document.title === "(2) Roost");
      expect(await ola.evaluate(() => Reflect.get(window, "shown"))).toEqual(["max: but this"]);
    },
    browserTestMsMax,
  );
});

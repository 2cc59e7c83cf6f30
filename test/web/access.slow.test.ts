// The web chat for everybody: by keys alone, for readers of screens, in both languages, light and dark, and narrow.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { BrowserContextOptions, Page } from "playwright-core";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { begin, hears, openRoom, say, signIn } from "../support/web-page.ts";
import { webStage } from "../support/web-stage.ts";

const axeSource = readFileSync(Bun.resolveSync("axe-core/axe.min.js", import.meta.dir), "utf8");

const stage = webStage();

/** What axe finds that is serious or critical: the rule, and the element. */
async function barriers(page: Page): Promise<readonly string[]> {
  await page.evaluate(axeSource);
  const found: unknown = await page.evaluate(`axe.run().then(({ violations }) => violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => id + ": " + html + " " + failureSummary)))`);
  return Array.isArray(found) ? found.map(String) : ["axe said nothing"];
}

describe.skipIf(chromium === undefined)("the web chat", () => {
  test(
    "keys alone sign in, begin a conversation, write, answer, edit, find another one and come back",
    async () => {
      const ben = await stage.person("ben");
      const ann = await (await stage.browser.window()).newPage();
      const { keyboard } = ann;
      await ann.goto(stage.link);
      await ann.getByLabel("Name (optional)").waitFor();
      await keyboard.press("Tab");
      await keyboard.type("ann");
      await keyboard.press("Enter");
      await ann.getByText("Nobody here yet").waitFor();
      for (const account of ["carl", "ben"]) {
        // Menu, search, new conversation.
        await ann.getByRole("searchbox").focus();
        await keyboard.press("Tab");
        await keyboard.press("Enter");
        await keyboard.type(account);
        await keyboard.press("Enter");
        await ann.getByRole("heading", { name: account }).waitFor();
        await keyboard.type("first line");
        await keyboard.press("Shift+Enter");
        await keyboard.type("second line");
        await keyboard.press("Enter");
        await ann.getByRole("img", { name: "stored" }).waitFor();
      }
      await openRoom(ben, "ann");
      await hears(ben, "first line\nsecond line");
      await say(ben, "what do you say?");
      await hears(ann, "what do you say?");
      // From the field back into the messages: the last one, its actions.
      await keyboard.press("Shift+Tab");
      const reply = ann.locator(".message", { hasText: "what do you say?" }).getByRole("button", { name: "Reply" });
      for (let tries = 0; tries < 5 && !(await reply.evaluate((button) => button === document.activeElement)); tries++)
        await keyboard.press("Shift+Tab");
      await keyboard.press("Enter");
      await ann.getByText("Reply to ben").waitFor();
      await keyboard.press("Escape");
      await ann.getByText("Reply to ben").waitFor({ state: "detached" });
      await reply.focus();
      await keyboard.press("Enter");
      await ann.getByText("Reply to ben").waitFor();
      await keyboard.type("nothing yet");
      await keyboard.press("Enter");
      await ben.locator("button.quote", { hasText: "what do you say?" }).waitFor();
      await keyboard.press("ArrowUp");
      expect(await ann.getByLabel("Write a message").inputValue()).toBe("nothing yet");
      await keyboard.press("Escape");
      expect(await ann.getByLabel("Write a message").inputValue()).toBe("");
      await keyboard.press("Control+k");
      await keyboard.type("carl");
      await ann.locator(".row").first().waitFor();
      await keyboard.press("Enter");
      await ann.getByRole("heading", { name: "carl" }).waitFor();
      await keyboard.press("Control+k");
      await keyboard.press("Escape");
      await keyboard.press("ArrowDown");
      await keyboard.press("ArrowDown");
      await keyboard.press("Enter");
      await ann.getByRole("heading", { name: "carl" }).waitFor();
    },
    browserTestMsMax,
  );

  test(
    "the Enter of an input method sends nothing",
    async () => {
      const ann = await stage.person("ida");
      await begin(ann, "jo");
      const field = ann.getByLabel("Write a message");
      await field.fill("にほん");
      await field.evaluate((area) => {
        area.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", isComposing: true, bubbles: true }));
      });
      expect(await field.inputValue()).toBe("にほん");
      await field.press("Enter");
      await hears(ann, "にほん");
    },
    browserTestMsMax,
  );

  const looks: readonly (readonly [string, BrowserContextOptions])[] = [
    ["light", { colorScheme: "light" }],
    ["dark", { colorScheme: "dark" }],
    ["narrow", { viewport: { width: 320, height: 600 }, hasTouch: true }],
  ];
  for (const [name, options] of looks) {
    test(
      `axe finds nothing serious at the door, in an empty list, in a conversation, a menu and a dialog: ${name}`,
      async () => {
        const page = await (await stage.browser.window(options)).newPage();
        await page.goto(stage.link);
        await page.getByLabel("Name (optional)").waitFor();
        expect(await barriers(page)).toEqual([]);
        const account = `axe-${name}`;
        await signIn(page, stage.link, account);
        await page.getByText("Nobody here yet").waitFor();
        expect(await barriers(page)).toEqual([]);
        await page.getByRole("button", { name: "New conversation" }).first().click();
        expect(await barriers(page)).toEqual([]);
        await page.keyboard.press("Escape");
        await begin(page, `friend-${name}`);
        await say(page, "hello https://example.org/");
        await page.getByRole("img", { name: "stored" }).waitFor();
        await page.locator(".message").hover();
        await page.getByRole("button", { name: "React", exact: true }).click();
        await page.getByRole("button", { name: "React 👍" }).click();
        await page.getByRole("button", { name: "1 reaction" }).waitFor();
        expect(await barriers(page)).toEqual([]);
        await page.getByRole("button", { name: "Menu" }).last().click();
        expect(await barriers(page)).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
      },
      browserTestMsMax,
    );
  }

  test(
    "on a narrow page one pane is shown at a time, and the browser's Back leads to the list",
    async () => {
      const page = await stage.person("kim", { viewport: { width: 360, height: 740 }, hasTouch: true });
      await begin(page, "lee");
      await say(page, "hello");
      await page.getByRole("img", { name: "stored" }).waitFor();
      expect(await page.getByRole("navigation").isVisible()).toBe(false);
      await page.goBack();
      await page.locator(".row", { hasText: "hello" }).click();
      await page.getByRole("button", { name: "Back" }).click();
      await page.locator(".row", { hasText: "hello" }).waitFor();
      expect(await page.getByRole("main").isVisible()).toBe(false);
    },
    browserTestMsMax,
  );

  test(
    "it speaks the browser's language, and another one when that is chosen, after a reload too",
    async () => {
      const page = await (await stage.browser.window({ locale: "zh-CN" })).newPage();
      await page.goto(stage.link);
      await page.getByRole("button", { name: "创建测试账号" }).click();
      await page.getByText("这里还没有人").waitFor();
      await page.getByRole("button", { name: "菜单" }).click();
      await page.getByRole("menuitemradio", { name: "English" }).click();
      await page.getByText("Nobody here yet").waitFor();
      await page.getByRole("button", { name: "Menu" }).click();
      await page.getByRole("menuitemradio", { name: "Look: Dark" }).click();
      await page.reload();
      await page.getByText("Nobody here yet").waitFor();
      expect(
        await page.evaluate(() => [document.documentElement.lang, document.documentElement.dataset["look"]]),
      ).toEqual(["en", "dark"]);
    },
    browserTestMsMax,
  );
});

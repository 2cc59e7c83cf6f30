// Every screen of the web chat by axe-core: in English and Chinese, light and dark, wide and narrow.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { BrowserContextOptions, Page } from "playwright-core";
import { Community } from "../../src/sdk/community/community.ts";
import { chinese } from "../../src/web/texts/chinese.ts";
import { english, type Texts } from "../../src/web/texts/english.ts";
import { counter } from "../../src/web/texts/plural.ts";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { webStage } from "../support/web-stage.ts";

const axeSource = readFileSync(Bun.resolveSync("axe-core/axe.min.js", import.meta.dir), "utf8");
const groupName = "Everybody";

const stage = webStage();
/** The group with all that its details can show. */
let group = "";

/** Gives `reader` a group with texts, members, an invitation, somebody who asks, and a pinned message. */
async function furnish(reader: string): Promise<void> {
  const [own, pat] = [await stage.somebody(reader), await stage.somebody("pat")];
  const community = Community.of(own);
  const { id } = await own.newGroup({ name: groupName, introduction: "what it is for", members: ["pat", "quin"] });
  group = id;
  await community.group(id).update({ announcement: "Saturday at eight", hasApproval: true });
  await community.group(id).setRole("pat", "admin");
  await community.group(id).mute("quin", new Date(Date.now() + 3_600_000));
  await community.group(id).invite();
  await Community.of(await stage.somebody("rex"))
    .group(id)
    .request("let me in");
  const first = await pat.talkToGroup(id, { body: `@${reader} look: https://example.org/`, mentions: [reader] });
  await own.talkToGroup(id, { body: "I see", replyTo: first.id });
  await pat.talkToGroup(id, { body: "👍" });
  const wrong = await own.talkToGroup(id, { body: "wrong" });
  await own.recall(wrong.id);
  await own.react(first.id, "🎉");
  await community.pinMessage({ group: id }, first.id);
  for (let at = 0; at < 3; at++) await pat.talkToUser(reader, { body: `in private ${at}` });
  await Community.of(own).block("sid");
}

/** What axe finds that is serious or critical on a screen, and whether it is wider than the window. */
async function faults(page: Page, screen: string): Promise<readonly string[]> {
  await page.evaluate(axeSource);
  const found: unknown = await page.evaluate(`axe.run().then(({ violations }) => violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => id + ": " + html + " " + failureSummary)))`);
  const fits = await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
  const all = Array.isArray(found) ? found.map(String) : ["axe said nothing"];
  return [...all, ...(fits ? [] : ["it is wider than the window"])].map((fault) => `${screen}: ${fault}`);
}

const [inEnglish, inChinese] = [english(counter("en")), chinese(counter("zh"))];

const looks: readonly (readonly [string, Texts, BrowserContextOptions])[] = [
  ["English, light", inEnglish, { colorScheme: "light" }],
  ["English, dark", inEnglish, { colorScheme: "dark" }],
  ["Chinese, light", inChinese, { colorScheme: "light", locale: "zh-CN" }],
  ["Chinese, dark, narrow", inChinese, { colorScheme: "dark", locale: "zh-CN", viewport: { width: 360, height: 740 } }],
];

describe.skipIf(chromium === undefined)("the web chat", () => {
  for (const [name, t, options] of looks)
    test(
      `axe finds nothing serious on any screen: ${name}`,
      async () => {
        const account = `reader-${looks.findIndex(([other]) => other === name)}`;
        await furnish(account);
        // Contrast counts where nothing fades.
        const page = await (await stage.browser.window({ reducedMotion: "reduce", ...options })).newPage();
        const found: string[] = [];
        const look = async (screen: string): Promise<void> => void found.push(...(await faults(page, screen)));
        const press = (label: string | RegExp): Promise<void> =>
          page.getByRole("button", { name: label, exact: true }).first().click();
        /** Closes a dialog. */
        const cancel = async (): Promise<void> => {
          await page.getByRole("dialog").getByRole("button", { name: t.cancel, exact: true }).click();
          await page.getByRole("dialog").waitFor({ state: "detached" });
        };
        const choose = async (place: "navigation" | "main", item: string): Promise<void> => {
          await page.getByRole(place).getByRole("button", { name: t.menu }).click();
          await page.getByRole("menuitem", { name: item, exact: true }).click();
        };
        const isNarrow = options.viewport !== undefined;

        await page.goto(`${stage.link}x=`);
        await page.getByRole("alert").waitFor();
        await page.getByLabel(t.tokenLabel).fill("no token");
        await press(t.signIn);
        await page.getByText(t.notAToken).waitFor();
        await look("the door without a link, and what is no token");
        await page.goto("about:blank");
        await page.goto(stage.link);
        await page.getByLabel(t.nameLabel).waitFor();
        await look("the door");
        await page.getByLabel(t.nameLabel).fill(account);
        await press(t.makeAccount);
        await page.locator(".row", { hasText: groupName }).waitFor();
        await look("the list");
        await page.getByRole("searchbox").fill("nothing of this kind");
        await page.getByText(t.nothingFound).waitFor();
        await look("a search that finds nothing");
        await page.keyboard.press("Escape");
        await press(t.newConversation);
        await look("a new conversation");
        await cancel();
        for (const item of [t.newGroup, t.joinByCode, t.settings]) {
          await choose("navigation", item);
          await page.getByRole("dialog").waitFor();
          if (item === t.settings) await page.getByText(t.blockedAccounts).waitFor();
          await look(`the dialog ${item}`);
          await cancel();
        }
        await page.getByRole("navigation").getByRole("button", { name: t.menu }).click();
        await look("the menu");
        await page.keyboard.press("Escape");

        await page.locator(".row", { hasText: groupName }).click();
        await page.locator(".message", { hasText: "I see" }).waitFor();
        await look("a group");
        await page.locator(".message", { hasText: "I see" }).hover();
        await page.locator(".message", { hasText: "I see" }).getByRole("button", { name: t.readers }).click();
        await page.locator(".actions p").waitFor();
        await look("who has read a message");
        await page.locator(".message", { hasText: "I see" }).getByRole("button", { name: t.reply }).click();
        await page.getByLabel(t.write).fill("x".repeat(16 * 1024 + 1));
        await look("an answer that is too long");
        await page.getByLabel(t.write).fill("@pa");
        await page.getByLabel(t.write).press("End");
        await page.keyboard.type("t");
        await page.getByRole("option").first().waitFor();
        await look("a completion");
        await page.getByLabel(t.write).fill("");
        await page.getByRole("main").getByRole("button", { name: t.menu }).click();
        await look("the menu of a conversation");
        await page.getByRole("menuitem", { name: t.details, exact: true }).click();
        await page.getByRole("heading", { name: t.requests }).waitFor();
        await page.getByRole("heading", { name: t.pinnedMessages }).waitFor();
        await look("the details of a group");
        await press(t.memberMenu("pat"));
        await look("the menu of a member");
        await page.getByRole("menuitem", { name: t.transfer, exact: true }).click();
        await look("a question");
        await cancel();
        for (const action of [t.editGroup, t.addMembers, t.dismiss]) {
          await press(action);
          await page.getByRole("dialog").waitFor();
          await look(`the dialog ${action}`);
          await cancel();
        }
        await press(t.close);
        if (isNarrow) await press(t.back);
        await page.locator(".row", { hasText: "in private" }).click();
        await page.getByText(t.newSince).waitFor();
        await look("what is new");
        await choose("main", t.details);
        await press(t.block);
        await look("the question before a block");
        await cancel();
        await press(t.close);
        // A group that one has left, and a message that is refused.
        await Community.of(await stage.somebody(account))
          .group(group)
          .leave();
        if (isNarrow) await press(t.back);
        await page.locator(".row", { hasText: groupName }).click();
        await page.getByLabel(t.write).fill("may I?");
        await page.keyboard.press("Enter");
        await page.getByRole("button", { name: t.retry }).waitFor();
        await look("a message that is refused");
        await choose("main", t.details);
        await page.getByRole("button", { name: t.askToJoin }).waitFor();
        await look("a group that one has left");
        expect(found).toEqual([]);
      },
      browserTestMsMax,
    );
});

// What others write into names, messages, groups and requests: nothing of it runs, and nothing of it disturbs what
// stands around it.

import { describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { Community } from "../../src/sdk/community/community.ts";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { button, confirm, details, openDetails } from "../support/web-details.ts";
import { hears, openRoom, say } from "../support/web-page.ts";
import { webStage } from "../support/web-stage.ts";

/** What would set `ran`, in each of the ways in which a page could be made to run it; short enough for a name. */
const evil = `"><img src=x onerror=ran=1><script>ran=1</script>{{ran=1}}`;
/** Turns what follows it round, unless it is isolated. */
const turned = "\u202eretsbol";

const stage = webStage();

/** A page that counts what its policy refuses. */
async function watched(account: string): Promise<Page> {
  const page = await stage.person(account);
  await page.context().addInitScript(() => {
    const violations: string[] = [];
    Object.assign(window, { violations });
    document.addEventListener("securitypolicyviolation", ({ effectiveDirective }) => {
      violations.push(effectiveDirective);
    });
  });
  await page.reload();
  await page.getByRole("navigation").waitFor();
  return page;
}

/** What has run, what the policy has refused, and which elements there are that only others' markup could have made. */
const harm = (page: Page): Promise<unknown> =>
  page.evaluate(() => ({
    ran: Reflect.get(window, "ran"),
    violations: Reflect.get(window, "violations"),
    elements: document.querySelectorAll("#app :is(img, script, iframe, object, embed, style)").length,
  }));
const none = { ran: undefined, violations: [], elements: 0 };

describe.skipIf(chromium === undefined)("the web chat", () => {
  test(
    "scripts in names, groups, announcements, invitations, requests and messages never run, wherever they are shown",
    async () => {
      const eve = await stage.somebody("eve");
      const community = Community.of(eve);
      await community.setProfile({ name: evil, avatar: "https://evil.test/?x=%22onerror=ran=1", extra: evil });
      const fay = await watched("fay");
      const group = await eve.newGroup({ name: evil, introduction: evil, members: ["fay", "gil"] });
      await community.group(group.id).update({ announcement: evil, avatar: "javascript:ran=1", hasApproval: true });
      await community.group(group.id).setAlias(evil);
      await community.group(group.id).setRole("fay", "admin");
      const lines = [
        evil,
        "javascript:ran=1",
        `https://a.test/"onmouseover=ran=1 there`,
        "data:text/html,<script>ran=1",
      ];
      for (const body of lines) {
        await eve.talkToUser("fay", { body, extra: evil });
        await eve.talkToGroup(group.id, { body, mentions: ["fay"] });
      }
      const last = await eve.talkToGroup(group.id, { body: `@fay ${evil}`, mentions: ["fay"] });
      await eve.talkToGroup(group.id, { body: "what it answers", replyTo: last.id });
      await eve.react(last.id, "<b>");
      await community.pinMessage({ group: group.id }, last.id);
      const zoe = await stage.somebody("zoe");
      await Community.of(zoe).group(group.id).request(evil);

      const rows = fay.locator(".row", { hasText: "onerror" });
      await rows.nth(1).waitFor();
      // The conversation of the two, its details, and the question before she is blocked.
      await fay.locator(".row", { hasText: "data:text" }).click();
      await hears(fay, "data:text");
      await fay.locator(".message").last().hover();
      await fay.locator(".message").last().getByRole("button", { name: "Reply" }).click();
      await fay.getByText("Reply to").waitFor();
      await fay.keyboard.press("Escape");
      await openDetails(fay);
      await button(fay, "Block").click();
      await fay.getByRole("dialog").getByText("will not be able to write to you").waitFor();
      await confirm(fay, "Cancel");
      expect(await harm(fay)).toEqual(none);
      // The group: mentions, quotes, reactions, and in its details texts, requests, members and what is pinned.
      await button(fay, "Close").click();
      await fay.locator(".row", { hasText: "what it answers" }).click();
      await fay.locator("button.quote", { hasText: "onerror" }).waitFor();
      await fay.getByRole("button", { name: "1 reaction <b>" }).waitFor();
      await fay.locator(".mention.is-me").first().waitFor();
      await fay.getByLabel("Write a message").pressSequentially("@e");
      await fay.getByRole("option").first().waitFor();
      await fay.keyboard.press("Escape");
      await fay.getByLabel("Write a message").fill("");
      await openDetails(fay);
      for (const title of ["Announcement", "Introduction", "Want to join", "Pinned messages"])
        await details(fay).getByRole("heading", { name: title }).waitFor();
      expect(await details(fay).locator("section", { hasText: "onerror" }).count()).toBeGreaterThanOrEqual(5);
      await button(fay, "Edit group").click();
      await fay.getByRole("dialog").waitFor();
      await confirm(fay, "Cancel");
      await fay.getByRole("button", { name: "What to do with" }).first().click();
      await fay.keyboard.press("Escape");
      // Links lead where they say, and nowhere else.
      const addresses = await fay.evaluate(() =>
        [...document.querySelectorAll<HTMLAnchorElement>("#app a")].map(({ protocol, host }) => protocol + host),
      );
      expect(new Set(addresses)).toEqual(new Set(["https:a.test"]));
      expect(await harm(fay)).toEqual(none);
    },
    browserTestMsMax,
  );

  test(
    "direction marks and invisible characters change nothing outside of the text that has them",
    async () => {
      const [mal, nan] = [await stage.somebody("mal"), await stage.somebody("nan")];
      await nan.talkToUser("ola", { body: "a plain text" });
      await mal.talkToUser("ola", { body: "\u200b\u200d\u2060" });
      await mal.talkToUser("ola", { body: `see https://good.test/\u202efdp.exe` });
      await mal.talkToUser("ola", { body: `${turned}\u2067\u2066` });
      const ola = await stage.person("ola");
      await ola.locator(".row").nth(1).waitFor();
      // In each row of the list the name stands left of the time, and the last line left of the count.
      const places = await ola.evaluate(() =>
        [...document.querySelectorAll(".row")].map((row) => {
          const left = (part: string): number => row.querySelector(part)?.getBoundingClientRect().left ?? NaN;
          return [left(".row-title") < left("time"), left(".last-line") < left(".pill")];
        }),
      );
      expect(places).toEqual([
        [true, true],
        [true, true],
      ]);
      await openRoom(ola, "mal");
      await hears(ola, "retsbol");
      // An invisible message has a place, which a pointer finds.
      const heights = await ola.evaluate(() =>
        [...document.querySelectorAll(".message .text")].map((text) => text.getBoundingClientRect().height >= 21),
      );
      expect(heights).toEqual([true, true, true]);
      // A link is as it looks: it ends before what would turn its end round.
      expect(await ola.locator(".message a").getAttribute("href")).toBe("https://good.test/");
      // The marks behind an own text, and the text behind a name, keep their direction.
      await say(ola, turned);
      await ola.getByRole("img", { name: "stored" }).waitFor();
      const order = await ola.evaluate(() => {
        const last = [...document.querySelectorAll(".message.is-mine .text")].at(-1);
        const [text, fate] = [last, last?.querySelector(".fate")].map((one) => one?.getBoundingClientRect());
        return text !== undefined && fate !== undefined && fate.right > text.left && fate.right <= text.right + 8;
      });
      expect(order).toBe(true);
      const last = ola.locator(".message", { hasText: "retsbol" }).first();
      await last.hover();
      await last.getByRole("button", { name: "Reply" }).click();
      await ola.getByText("Reply to mal").waitFor();
      await say(ola, "the answer");
      await ola.locator("button.quote", { hasText: "retsbol" }).waitFor();
      expect(await ola.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    },
    browserTestMsMax,
  );
});

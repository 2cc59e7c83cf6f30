// Two people talk in two browsers.

import { describe, expect, test } from "bun:test";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { begin, hears, openRoom, say } from "../support/web-page.ts";
import { webStage } from "../support/web-stage.ts";

const stage = webStage();

describe.skipIf(chromium === undefined)("the web chat", () => {
  test(
    "two people meet, talk, and see what the other has read, writes, answers, changes and takes back",
    async () => {
      const [ann, ben] = [await stage.person("ann"), await stage.person("ben")];
      // The secret leaves the address bar.
      expect([ann.url(), ben.url()]).toEqual([stage.place, stage.place]);
      await ann.getByText("Nobody here yet").waitFor();
      await begin(ann, "ben");
      await ann.getByText("No messages yet").waitFor();
      await say(ann, "hello ben");
      await hears(ann, "hello ben");
      await ann.getByRole("img", { name: "stored" }).waitFor();
      await ben.getByLabel("1 unread message").waitFor();
      expect(await ben.title()).toBe("(1) Roost");
      await openRoom(ben, "ann");
      await hears(ben, "hello ben");
      await ben.getByText("New since you were here").waitFor();
      await ann.getByRole("img", { name: "read", exact: true }).waitFor();
      await ben.waitForFunction(() => document.title === "Roost");

      await ben.getByLabel("Write a message").pressSequentially("I am he");
      await ann.getByText("ben is typing…").waitFor();
      await ben.getByLabel("Write a message").fill("");
      const first = ben.locator(".message", { hasText: "hello ben" });
      await first.hover();
      await first.getByRole("button", { name: "Reply" }).click();
      await say(ben, "an answer");
      await ann
        .locator(".message", { hasText: "an answer" })
        .locator("button.quote", { hasText: "hello ben" })
        .waitFor();
      await ann.locator(".message").last().hover();
      await ann.locator(".message").last().getByRole("button", { name: "React", exact: true }).click();
      await ann.getByRole("button", { name: "React 👍" }).click();
      await ben.getByRole("button", { name: "1 reaction 👍" }).waitFor();

      await ben.getByLabel("Write a message").press("ArrowUp");
      await ben.getByLabel("Write a message").fill("a better answer");
      await ben.keyboard.press("Enter");
      await hears(ann, "a better answer");
      await ann.getByText("edited").waitFor();
      await ben.locator(".message", { hasText: "a better answer" }).hover();
      await ben.getByRole("button", { name: "Recall for everybody" }).last().click();
      await ann.locator(".bubble", { hasText: "Message recalled" }).waitFor();
    },
    browserTestMsMax,
  );

  test(
    "two tabs of one account, and another browser, are all signed in, and show the same",
    async () => {
      const one = await stage.person("carla");
      const elsewhere = await stage.person("carla");
      const other = await one.context().newPage();
      await other.goto(stage.link);
      await other.getByLabel("Name (optional)").fill("carla");
      await other.getByRole("button", { name: "Make a test account" }).click();
      await other.getByText("Nobody here yet").waitFor();
      await begin(one, "dora");
      await say(one, "from one tab");
      await openRoom(other, "dora");
      await hears(other, "from one tab");
      await say(other, "and from the other");
      await hears(one, "and from the other");
      await openRoom(elsewhere, "dora");
      await hears(elsewhere, "and from the other");
      for (const page of [one, other, elsewhere]) expect(await page.getByRole("alert").count()).toBe(0);
    },
    browserTestMsMax,
  );

  test(
    "scripts in names, messages and links never run",
    async () => {
      const evil = `<img src=x onerror="window.ran=1"><script>window.ran=1</script>`;
      const [eve, fay] = [await stage.person("eve"), await stage.person("fay")];
      await begin(eve, "fay");
      for (const text of [
        evil,
        "javascript:window.ran=1",
        'see https://a.test/"onmouseover=window.ran=1 there',
        "x\u202etxt\u200b",
      ])
        await say(eve, text);
      await begin(eve, evil.slice(0, 60));
      await openRoom(fay, "eve");
      await hears(fay, "<script>");
      const link1 = fay.locator(".message a");
      expect([await link1.count(), await link1.first().getAttribute("href")]).toEqual([1, "https://a.test/"]);
      expect(await link1.first().getAttribute("rel")).toContain("noopener");
      for (const page of [eve, fay]) expect(await page.evaluate(() => Reflect.get(window, "ran"))).toBeUndefined();
    },
    browserTestMsMax,
  );
});

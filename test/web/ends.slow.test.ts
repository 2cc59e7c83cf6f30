// How a sign-in of the web chat ends: kicked, revoked, banned. Each has a sentence of its own, and a button that helps.

import { describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { controlRequest } from "../../src/observe/control-commands.ts";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { button } from "../support/web-details.ts";
import { begin, hears, openRoom, say, signIn } from "../support/web-page.ts";
import { webStage } from "../support/web-stage.ts";

const stage = webStage();

/** What an operator does with an account. */
const operate = (command: string, account: string): Promise<string> =>
  stage.server.control.obey(controlRequest(command, { app: stage.app, account }));

/** A page that has a token, and no link. */
async function withToken(account: string): Promise<Page> {
  const page = await (await stage.browser.window()).newPage();
  await page.goto(`${stage.place}#token=${await stage.token(account)}`);
  await page.getByText("Nobody here yet").waitFor();
  return page;
}

/** The name under which a tab signs in. */
const deviceOf = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const name = Object.keys(sessionStorage).find((key) => key.startsWith("roost web-"));
    return sessionStorage.getItem(name ?? "") ?? "";
  });

describe.skipIf(chromium === undefined)("the web chat", () => {
  test(
    "a tab whose device signs in elsewhere says so, stays away, and takes the device back by its button",
    async () => {
      const page = await stage.person("kim");
      await begin(page, "lou");
      const device = await deviceOf(page);
      expect(device).not.toBe("");
      const kicked = Promise.withResolvers<unknown>();
      const other = await RoostClient.connect({
        url: `ws://${stage.server.ws}`,
        token: await stage.token("kim"),
        device,
        on: { kicked: kicked.resolve },
      });
      await page.getByText("This account was signed in elsewhere with the same device.").waitFor();
      // What is written meanwhile waits.
      await say(page, "from here");
      await page.getByRole("img", { name: "waiting to be sent" }).waitFor();
      await button(page, "Use it here").click();
      await kicked.promise;
      await openRoom(page, "lou");
      await hears(page, "from here");
      await page.getByRole("img", { name: "stored" }).waitFor();
      await other.close();
    },
    browserTestMsMax,
  );

  test(
    "a revoked token ends at the door, where another one helps; a test account gets another one by itself",
    async () => {
      const [pasted, made] = [await withToken("rita"), await stage.person("rob")];
      await operate("revoke", "rita");
      await pasted.getByText("Your token was revoked.").waitFor();
      await button(pasted, "Sign in again").click();
      await pasted.getByLabel("Token").waitFor();
      const before = await made.evaluate(() => sessionStorage.getItem("roost ticket"));
      await operate("revoke", "rob");
      await made.waitForFunction((old) => sessionStorage.getItem("roost ticket") !== old, before);
      await begin(made, "rita");
      await say(made, "still here");
      await made.getByRole("img", { name: "stored" }).waitFor();
    },
    browserTestMsMax,
  );

  test(
    "a banned account is told so, with a token and with a link, and comes in again after the ban",
    async () => {
      const [pasted, made] = [await withToken("bea"), await stage.person("bo")];
      for (const [page, account] of [
        [pasted, "bea"],
        [made, "bo"],
      ] as const) {
        await operate("ban", account);
        await page.getByText("This account is banned.").waitFor();
        await button(page, "Sign in again").click();
        await page.getByLabel("Token").first().waitFor({ state: "attached" });
      }
      // It may not come in by the link either.
      await made.goto(stage.link);
      await made.getByLabel("Name (optional)").fill("bo");
      await button(made, "Make a test account").click();
      await made.getByText("This account is banned.").waitFor();
      await operate("unban", "bo");
      await button(made, "Sign in again").click();
      await signIn(made, stage.link, "bo");
      await made.getByText("Nobody here yet").waitFor();
    },
    browserTestMsMax,
  );
});

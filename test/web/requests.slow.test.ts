// Who may come into a group: by asking, which its admins answer, and by invitations that end.

import { describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { Community } from "../../src/sdk/community/community.ts";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { button, confirm, details, fromMenu, openDetails } from "../support/web-details.ts";
import { hears, openRoom, say } from "../support/web-page.ts";
import { webStage } from "../support/web-stage.ts";

const stage = webStage();

/** A page whose account owns a group of that name, which is open with its details. */
async function owner(account: string, name: string, members: readonly string[]): Promise<[Page, string]> {
  const client = await stage.somebody(account);
  const { id } = await client.newGroup({ name, members });
  await Community.of(client).group(id).update({ hasApproval: true });
  const page = await stage.person(account);
  await openRoom(page, name);
  await openDetails(page);
  await details(page).getByText("Who wants to join asks the admins").waitFor();
  return [page, id];
}

describe.skipIf(chromium === undefined)("the web chat", () => {
  test(
    "who has left asks to join, is refused, may ask again, is accepted, and writes",
    async () => {
      const [ann] = await owner("ann", "Choir", ["ben"]);
      const ben = await stage.person("ben");
      await openRoom(ben, "Choir");
      await openDetails(ben);
      await button(ben, "Leave group").click();
      await confirm(ben, "Leave group");
      await details(ben).getByText("You are not a member of this group.").waitFor();
      // It keeps its name for who has left.
      await ben.getByRole("heading", { name: "Choir", level: 1 }).waitFor();
      await button(ben, "Ask to join").click();
      await details(ben).getByText("Asked. An admin answers.").waitFor();
      await button(ann, "Refuse: ben").click();
      await button(ann, "Refuse: ben").waitFor({ state: "detached" });
      await button(ben, "Ask to join").click();
      await button(ann, "Accept: ben").click();
      await button(ann, "Accept: ben").waitFor({ state: "detached" });
      await button(ben, "Leave group").waitFor();
      await details(ann).getByRole("heading", { name: "2 members" }).waitFor();
      await say(ben, "I am back");
      await hears(ann, "I am back");
    },
    browserTestMsMax,
  );

  test(
    "an invitation is made with its days and uses, says what is left of them, and is used up",
    async () => {
      const [carl] = await owner("carl", "Chess", []);
      const [dora, emil] = [await stage.person("dora"), await stage.person("emil")];
      await button(carl, "Make an invitation").click();
      await carl.getByLabel("Valid for").selectOption("1 day");
      await carl.getByLabel("How many may join").fill("1");
      await confirm(carl, "Make an invitation");
      await details(carl).getByText("1 use left").waitFor();
      const code = (await details(carl).locator("code").textContent()) ?? "";
      await fromMenu(dora, "Join by invitation");
      await dora.getByLabel("Code of the invitation").fill(code);
      await confirm(dora, "Join");
      await dora.getByRole("heading", { name: "Chess", level: 1 }).waitFor();
      await details(carl).getByRole("heading", { name: "2 members" }).waitFor();
      await details(carl).locator("code").waitFor({ state: "detached" });
      await fromMenu(emil, "Join by invitation");
      await emil.getByLabel("Code of the invitation").fill(code);
      await emil.getByRole("dialog").getByRole("button", { name: "Join" }).click();
      await emil.getByRole("dialog").getByRole("alert").waitFor();
      expect(await emil.getByRole("heading", { name: "Chess" }).count()).toBe(0);
    },
    browserTestMsMax,
  );
});

// Three people run a group by the page, from its creation to its end; and what they set for themselves.

import { describe, expect, test } from "bun:test";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { button, confirm, details, fromMenu, openDetails, withMember } from "../support/web-details.ts";
import { begin, hears, openRoom, say } from "../support/web-page.ts";
import { webStage } from "../support/web-stage.ts";

const stage = webStage();

describe.skipIf(chromium === undefined)("the web chat", () => {
  test(
    "three people make a group, invite, change roles, mute, pin, hand it over, leave and dismiss it",
    async () => {
      const [ann, ben, carl] = await Promise.all(["ann", "ben", "carl"].map((who) => stage.person(who)));
      if (ann === undefined || ben === undefined || carl === undefined) throw new Error("somebody is missing");
      await fromMenu(ann, "New group");
      await ann.getByLabel("Name of the group").fill("Hikers");
      await ann.getByLabel("Accounts, with spaces between them").fill("ben");
      await confirm(ann, "Create");
      await ann.getByRole("heading", { name: "Hikers", level: 1 }).waitFor();
      await say(ann, "welcome");
      await openRoom(ben, "Hikers");
      await hears(ben, "welcome");

      await openDetails(ann);
      await button(ann, "Edit group").click();
      await ann.getByLabel("Name of the group").fill("Hill walkers");
      await ann.getByLabel("Announcement").fill("Saturday at eight");
      await ann.getByLabel("Address of a picture").fill("https://example.org/hills.png");
      await ann.getByLabel("Closed: only admins add members").check();
      await confirm(ann, "Save");
      await details(ann).getByText("Saturday at eight").waitFor();
      await ben.getByRole("heading", { name: "Hill walkers", level: 1 }).waitFor();

      await button(ann, "Edit group").click();
      expect(await ann.getByLabel("Address of a picture").inputValue()).toBe("https://example.org/hills.png");
      await confirm(ann, "Cancel");

      await button(ann, "Make an invitation").click();
      await confirm(ann, "Make an invitation");
      const code = await details(ann).locator("code").textContent();
      await fromMenu(carl, "Join by invitation");
      await carl.getByLabel("Code of the invitation").fill("no-such-code");
      await carl.getByRole("dialog").getByRole("button", { name: "Join" }).click();
      await carl.getByRole("dialog").getByRole("alert").waitFor();
      await carl.getByLabel("Code of the invitation").fill(code ?? "");
      await confirm(carl, "Join");
      await carl.getByRole("heading", { name: "Hill walkers", level: 1 }).waitFor();
      await details(ann).getByRole("heading", { name: "3 members" }).waitFor();
      await button(ann, `Revoke: ${code}`).click();
      await details(ann).locator("code").waitFor({ state: "detached" });

      // A plain member sees neither what admins do, nor the invitations.
      await openDetails(ben);
      await details(ben).getByText("Saturday at eight").waitFor();
      expect(await button(ben, "Edit group").count()).toBe(0);
      expect(await button(ben, "Make an invitation").count()).toBe(0);
      await withMember(ann, "ben", "Make an admin");
      await button(ben, "Edit group").waitFor();
      expect(await button(ben, "Dismiss group").count()).toBe(0);
      await withMember(ben, "carl", "Mute for an hour");
      await details(ben).getByText("muted until").waitFor();
      await say(carl, "may I?");
      await carl.getByText("Not sent:").waitFor();
      await withMember(ben, "carl", "Let write again");
      await details(ben).getByText("muted until").waitFor({ state: "detached" });
      await button(carl, "Retry").click();
      await hears(ben, "may I?");

      await ben.locator(".message", { hasText: "welcome" }).hover();
      await ben.locator(".message", { hasText: "welcome" }).getByRole("button", { name: "Pin for everybody" }).click();
      await details(ann).getByRole("heading", { name: "Pinned messages" }).waitFor();
      await details(ann).getByText("welcome").waitFor();
      await button(ann, "Unpin").click();
      await details(ben).getByRole("heading", { name: "Pinned messages" }).waitFor({ state: "detached" });

      await withMember(ann, "ben", "Make the owner");
      await ann.getByText("ben will own this group, and you will be an admin.").waitFor();
      await confirm(ann, "Make the owner");
      await button(ben, "Dismiss group").waitFor();
      await withMember(ben, "carl", "Remove from the group");
      await confirm(ben, "Remove from the group");
      await details(ben).getByRole("heading", { name: "2 members" }).waitFor();
      await button(ann, "Leave group").click();
      await confirm(ann, "Leave group");
      await details(ann).getByText("You are not a member of this group.").waitFor();
      await details(ben).getByRole("heading", { name: "1 member" }).waitFor();
      await button(ben, "Dismiss group").click();
      await ben.getByText("Hill walkers ends for its 1 member.").waitFor();
      await confirm(ben, "Dismiss group");
      await details(ben).getByText("You are not a member of this group.").waitFor();
    },
    browserTestMsMax,
  );

  test(
    "accounts that let nobody add them are named, and the others are added",
    async () => {
      const [dora, emil] = [await stage.person("dora"), await stage.person("emil")];
      await fromMenu(emil, "Settings");
      await emil.getByLabel("Who may add me to groups").selectOption("Nobody");
      await confirm(emil, "Save");
      await fromMenu(dora, "New group");
      await dora.getByLabel("Name of the group").fill("Readers");
      await confirm(dora, "Create");
      await openDetails(dora);
      await button(dora, "Add members").click();
      await dora.getByLabel("Accounts, with spaces between them").fill("emil, fay");
      await confirm(dora, "Add members");
      await details(dora).getByRole("alert").getByText("Not added: emil.").waitFor();
      await details(dora).getByRole("heading", { name: "2 members" }).waitFor();
    },
    browserTestMsMax,
  );

  test(
    "names, consent and blocks are set, kept, and obeyed",
    async () => {
      const [gus, hana] = [await stage.person("gus"), await stage.person("hana")];
      await fromMenu(gus, "Settings");
      await gus.getByLabel("Name that others see").fill("Gustav Mahler");
      await confirm(gus, "Save");
      await begin(gus, "hana");
      await say(gus, "hello");
      await openRoom(hana, "Gustav Mahler");
      await openDetails(hana);
      await button(hana, "Block").click();
      await hana.getByText("Gustav Mahler will not be able to write to you").waitFor();
      await confirm(hana, "Block");
      await details(hana).getByText("You have blocked this account.").waitFor();
      await say(gus, "and again");
      await gus.getByText("Not sent:").waitFor();
      await hana.reload();
      await fromMenu(hana, "Settings");
      await button(hana, "Unblock").click();
      await button(hana, "Unblock").waitFor({ state: "detached" });
      await confirm(hana, "Cancel");
      await button(gus, "Retry").click();
      await hears(hana, "and again");
    },
    browserTestMsMax,
  );
});

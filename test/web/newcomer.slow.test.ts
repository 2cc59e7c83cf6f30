// What a newcomer does: starts the server in an empty folder as README.md says, opens the link that it prints, talks
// between two browsers, in a group, on a phone, and with the server killed in between.

import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import { type StartedFromSource, startFromSource } from "../../bench/web/from-source.ts";
import { browserTestMsMax, chromium } from "../support/browser.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { button, confirm, fromMenu } from "../support/web-details.ts";
import { begin, hears, openRoom, say, signIn, WebBrowser } from "../support/web-page.ts";

const script = join(import.meta.dir, "../../scripts/start");
const folder = temporaryFolder("roost-newcomer-");
const phone = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };

const endings: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const end of endings.toReversed()) await end();
});

/** Starts the server as README.md has it. */
async function startServer(ws?: string): Promise<StartedFromSource> {
  const env = { PATH: process.env["PATH"] ?? "", HOME: folder };
  const server = await startFromSource({ script, folder, env, ...(ws === undefined ? {} : { ws }) });
  endings.push(() => server.kill());
  return server;
}

test.skipIf(chromium === undefined)(
  "from an empty folder to a talk of two browsers, a group, a phone, and on after kill -9 of the server",
  async () => {
    const server = await startServer();
    const browser = await WebBrowser.launch();
    endings.push(() => browser.close());
    const ann = await signIn(await (await browser.window()).newPage(), server.link, "ann");
    const ben = await signIn(await (await browser.window(phone)).newPage(), server.link, "ben");
    await begin(ann, "ben");
    await say(ann, "hello ben");
    await openRoom(ben, "ann");
    await hears(ben, "hello ben");
    await say(ben, "hello ann");
    await hears(ann, "hello ann");

    // A third one, and a group of three.
    const carl = await signIn(await (await browser.window()).newPage(), server.link, "carl");
    await fromMenu(ann, "New group");
    await ann.getByLabel("Name of the group").fill("Hikers");
    await ann.getByLabel("Accounts, with spaces between them").fill("ben carl");
    await confirm(ann, "Create");
    await say(ann, "to all of you");
    await openRoom(carl, "Hikers");
    await hears(carl, "to all of you");
    // On the phone the list is one step back.
    await button(ben, "Back").click();
    await openRoom(ben, "Hikers");
    await hears(ben, "to all of you");
    expect(await ben.getByRole("navigation").isVisible()).toBe(false);
    expect(await ben.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);

    await server.kill();
    await ben.getByText("The server does not answer.").waitFor();
    await say(ben, "said to nobody");
    await ben.getByRole("img", { name: "waiting to be sent" }).waitFor();
    const again = await startServer(new URL(server.link).host);
    for (const page of [ann, ben, carl]) {
      await page
        .getByRole("button", { name: "Try now" })
        .click({ timeout: 2_000 })
        .catch(() => undefined);
      await hears(page, "said to nobody");
    }
    await ben.getByRole("img", { name: "waiting to be sent" }).waitFor({ state: "detached" });
    await say(carl, "welcome back");
    await hears(ben, "welcome back");
    // The link of this start lets a fourth one in.
    const dora = await signIn(await (await browser.window()).newPage(), again.link, "dora");
    await begin(dora, "ann");
    await say(dora, "I am new");
    await ann.locator(".row", { hasText: "I am new" }).waitFor();
    expect(browser.problems.filter((problem) => !problem.includes("status of 403"))).toEqual([]);
  },
  browserTestMsMax,
);

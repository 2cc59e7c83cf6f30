// Takes the pictures of the guides: scripts/screenshots says how.
//
// They are the same as far as they can be: the people and their words are those of a seed, the clock on the wall shows
// about ten whatever the hour, and nothing moves while a picture is taken, since the demo is paused. Times, the
// colours of groups, and the order of lines that were stored in the same millisecond still differ between runs.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { roost, run, ServerProcess } from "../harness/server-process.ts";
import { endsWithParent } from "../harness/with-parent.ts";
import { demoApp } from "../../src/site/test-accounts.ts";
import { entrance, groupName, lastLines, play, reader } from "./scene.ts";

const seed = 4;
const people = 12;
/** Bytes of a file. */
const sizeMax = 80_000;
const waitMsMax = 30_000;
/** The hour that the pictures show. */
const hour = 10;

/** Fontconfig's choice for the interface, whatever the desktop of this machine prefers. */
const fonts = `<?xml version="1.0"?>
<fontconfig>
  <include>/etc/fonts/fonts.conf</include>
  <match>
    <test name="family" compare="not_eq"><string>monospace</string></test>
    <edit name="family" mode="prepend" binding="strong">
      <string>Inter</string>
      <string>Liberation Sans</string>
    </edit>
  </match>
</fontconfig>`;

interface Picture {
  readonly name: string;
  /** Whose conversation is open. */
  readonly of: "group" | "friend";
  readonly options: BrowserContextOptions;
}

const pictures: readonly Picture[] = [
  { name: "chat-light", of: "group", options: { viewport: { width: 1280, height: 800 }, colorScheme: "light" } },
  { name: "chat-dark", of: "group", options: { viewport: { width: 1280, height: 800 }, colorScheme: "dark" } },
  {
    name: "chat-phone",
    of: "friend",
    options: { viewport: { width: 390, height: 844 }, colorScheme: "light", isMobile: true, hasTouch: true },
  },
];

/** Starts the demo, and returns when its people have said their first lines. */
async function startDemo(folder: string, url: string): Promise<Subprocess> {
  const words = { url, seed, people, groups: 6, to: reader.account, rate: 0.1 };
  const options = Object.entries(words).map(([name, value]) => `--${name}=${value}`);
  const demo = Bun.spawn([...endsWithParent(), ...roost, "demo", ...options], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", HOME: folder },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const decoder = new TextDecoder();
  let said = "";
  for await (const chunk of demo.stdout) {
    said += decoder.decode(chunk, { stream: true });
    if (said.includes("\nFrom now on")) break;
  }
  if (!said.includes("\nFrom now on")) throw new Error(`roost demo has ended: ${said}`);
  return demo;
}

/** A zone in which it is this hour now; east of Greenwich is negative in these names. */
function zoneOf(hourWanted: number): string {
  const ahead = ((hourWanted - new Date().getUTCHours() + 36) % 24) - 12;
  return `Etc/GMT${ahead > 0 ? "-" : "+"}${Math.abs(ahead)}`;
}

/** Opens the conversation in a window of its own. */
async function openWindow(browser: Browser, link: string, title: string, picture: Picture): Promise<Page> {
  const context = await browser.newContext({
    locale: "en-GB",
    timezoneId: zoneOf(hour),
    reducedMotion: "reduce",
    ...picture.options,
  });
  context.setDefaultTimeout(waitMsMax);
  const page = await context.newPage();
  await page.goto(link);
  await page.getByLabel("Name (optional)").fill(reader.account);
  await page.getByRole("button", { name: "Make a test account" }).click();
  await page.locator(".row", { has: page.locator(".row-title", { hasText: title }) }).click();
  const text = picture.of === "group" ? lastLines.group : lastLines.direct;
  await page.locator(".message .text", { hasText: text }).first().waitFor();
  await page.getByRole("button", { name: "Attach files" }).waitFor();
  return page;
}

/** Resolves when the page has its fonts, has neither focus nor pointer, and looks the same for a while. */
async function settle(page: Page): Promise<void> {
  await page.evaluate(async () => {
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    await document.fonts.ready;
  });
  await page.mouse.move(0, 0);
  const still = 5;
  for (let same = 0, before = ""; same < still;) {
    const now = await page.locator("#app").innerHTML();
    same = now === before ? same + 1 : 0;
    before = now;
    await Bun.sleep(100);
  }
}

/** Writes a picture with a palette. Throws if the file is too large for a guide. */
async function write(png: Uint8Array, path: string): Promise<void> {
  const small = await new Bun.Image(png).png({ palette: true, colors: 256, compressionLevel: 9 }).bytes();
  if (small.length > sizeMax) throw new Error(`${path} would have ${small.length} bytes: expected at most ${sizeMax}`);
  await Bun.write(path, small);
  console.log(`${path} (${small.length} bytes)`);
}

/** Takes them all, with what it starts put down in `endings`. */
async function takeAll(out: string, executablePath: string, endings: (() => unknown)[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "roost-pictures-"));
  endings.push(() => rmSync(folder, { recursive: true, force: true }));
  // With the button for files, which a server without a place for them does not show.
  const server = await ServerProcess.start(folder, ["--media", "folder"]);
  endings.push(() => server.end("SIGTERM"));
  const demo = await startDemo(folder, server.ws);
  endings.push(() => demo.kill("SIGKILL"));
  const tokenOf = async (account: string): Promise<string> =>
    (await run(["token", "--account", account, "--app", demoApp], folder)).out.trim();
  const { enter, leave } = entrance(server.ws, tokenOf);
  endings.push(leave);
  const friend = await play(enter);
  await leave();
  // Its people stay online, and say nothing more.
  demo.kill("SIGSTOP");
  await Bun.write(join(folder, "fonts.conf"), fonts);
  const env = { PATH: process.env["PATH"] ?? "", HOME: folder, FONTCONFIG_FILE: join(folder, "fonts.conf") };
  const browser = await chromium.launch({ executablePath, env, args: ["--no-sandbox", "--disable-gpu"] });
  endings.push(() => browser.close());
  for (const picture of pictures) {
    const page = await openWindow(browser, server.link, picture.of === "group" ? groupName : friend, picture);
    await settle(page);
    const png = await page.screenshot({ animations: "disabled", caret: "hide" });
    await write(png, join(out, `${picture.name}.png`));
    await page.context().close();
  }
}

const executablePath = Bun.which("chromium");
if (executablePath === null) {
  console.error("scripts/screenshots: there is no chromium on PATH; install it (on Debian: apt-get install chromium)");
  process.exit(1);
}
const [out = import.meta.dir] = process.argv.slice(2);
const endings: (() => unknown)[] = [];
try {
  await takeAll(out, executablePath, endings);
} finally {
  for (const end of endings.toReversed()) await end();
}

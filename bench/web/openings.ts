// An account with many conversations: how long one takes to open after the click, and the page itself, for somebody who
// has never been there and for somebody who reloads it.

import type { Page } from "playwright-core";
import { inBatches } from "../generator/in-batches.ts";
import { openRoom } from "../../test/support/web-page.ts";
import { noteShown, pressedAt, shownAt } from "./page-times.ts";
import { comeIn, type WebScene } from "./web-scene.ts";

const account = "pat";
/** Talks before their answers are waited for. */
const inFlight = 50;

interface Conversations {
  /** In the list. */
  readonly count: number;
  /** The newest ones of them have `lines` messages each, the others one. */
  readonly opened: number;
  readonly lines: number;
}

/** The last message of a conversation. */
const lastLine = ({ count, opened, lines }: Conversations, at: number): string =>
  `${at < count - opened ? 0 : lines - 1} to ${at}`;

/** Stores the conversations, `friend-0` the oldest of them. */
export async function fillList(scene: WebScene, wish: Conversations): Promise<void> {
  const { count, opened, lines } = wish;
  const pat = await scene.talker(account);
  const say = async (at: number, line: number): Promise<void> =>
    void (await pat.talkToUser(`friend-${at}`, { body: `${line} to ${at}` }));
  const old = count - opened;
  await inBatches(old, inFlight, (at) => say(at, 0));
  // A conversation's messages one after another, and the conversations, too: so is their order known.
  for (let at = old; at < count; at++) for (let line = 0; line < lines; line++) await say(at, line);
}

/** Opens each of the newest ones by a click. Returns the times from it until the last message is shown. */
export async function openEach(page: Page, wish: Conversations): Promise<readonly number[]> {
  const { count, opened } = wish;
  await page.locator(".row", { hasText: lastLine(wish, count - 1) }).waitFor();
  await noteShown(page);
  const times: number[] = [];
  for (let at = count - 1; at >= count - opened; at--) {
    await openRoom(page, new RegExp(`^friend-${at}$`));
    times.push((await shownAt(page, lastLine(wish, at))) - (await pressedAt(page)));
    await page.getByRole("main", { name: `friend-${at}` }).waitFor();
  }
  return times;
}

/** Has a page note when its list was shown and it had time for what came next: then one can use it. */
function noteListed(page: Page): Promise<unknown> {
  return page.addInitScript(() => {
    new MutationObserver((_, observer) => {
      if (document.querySelector(".row") === null) return;
      observer.disconnect();
      requestAnimationFrame(() => setTimeout(() => Object.assign(window, { listedMs: performance.now() })));
    }).observe(document, { childList: true, subtree: true });
  });
}

/** Milliseconds from the begin of the navigation. */
async function listedAt(page: Page): Promise<number> {
  const listed = await page.waitForFunction(() => Number(Reflect.get(window, "listedMs") ?? 0));
  return listed.jsonValue();
}

/** Reloads a page that shows the list. Returns the times from the begin of each reload until the list is shown. */
export async function reload(page: Page, times: number): Promise<readonly number[]> {
  await noteListed(page);
  const found: number[] = [];
  for (let at = 0; at < times; at++) {
    await page.reload();
    found.push(await listedAt(page));
  }
  return found;
}

interface FirstVisits {
  readonly times: readonly number[];
  /** What each visit loaded, as it came over the wire: bodies of answers, compressed. In bytes. */
  readonly bytes: number;
}

/** Visits in windows that share nothing, with empty caches. */
export async function visitFirst(scene: WebScene, visits: number): Promise<FirstVisits> {
  const times: number[] = [];
  let bytes = 0;
  for (let at = 0; at < visits; at++) {
    const context = await scene.browser.window();
    const page = await context.newPage();
    await noteListed(page);
    await comeIn(scene, page, account);
    times.push(await listedAt(page));
    bytes = await page.evaluate(() =>
      [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
        .filter((entry) => entry instanceof PerformanceResourceTiming)
        .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0),
    );
    await context.close();
  }
  return { times, bytes };
}

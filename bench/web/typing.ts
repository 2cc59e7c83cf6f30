// Keys in the web chat with many conversations: how long each takes until it is shown.

import type { Page } from "playwright-core";
import { inBatches } from "../generator/in-batches.ts";
import type { WebScene } from "./web-scene.ts";

/** Between two keys. */
const keyMs = 40;
/** Talks before their answers are waited for. */
const inFlight = 500;
/** Who writes meanwhile. */
const writers = 20;

/** Stores so many conversations of `pat`: with `friend-7` there is the message `to 7.`. */
export async function fillConversations(scene: WebScene, count: number): Promise<void> {
  const pat = await scene.talker("pat");
  await inBatches(count, inFlight, (at) => pat.talkToUser(`friend-${at}`, { body: `to ${at}.` }));
}

/** Types into what has the focus, a key at a time. Returns the times from each key until the frame that shows it. */
export async function typed(page: Page, text: string): Promise<readonly number[]> {
  await page.evaluate(() => {
    const times: number[] = [];
    Object.assign(window, { times });
    addEventListener("input", ({ timeStamp }) =>
      requestAnimationFrame(() => setTimeout(() => times.push(performance.now() - timeStamp))),
    );
  });
  await page.keyboard.type(text, { delay: keyMs });
  const all = await page.waitForFunction((count) => {
    const times: unknown = Reflect.get(window, "times");
    return Array.isArray(times) && times.length >= count ? times.map(Number) : undefined;
  }, text.length);
  return (await all.jsonValue()) ?? [];
}

/**
 * Types while so many messages a second come from some of `conversations`. Returns the times, and how many came: `news
 * 0`, `news 1` and so on.
 */
export async function typedBeside(
  scene: WebScene,
  page: Page,
  {
    text,
    conversations,
    perSecond,
  }: { readonly text: string; readonly conversations: number; readonly perSecond: number },
): Promise<{ readonly times: readonly number[]; readonly sent: number }> {
  const typing = new AbortController();
  const step = Math.floor(conversations / writers);
  const friends = await Promise.all(Array.from({ length: writers }, (_, at) => scene.talker(`friend-${at * step}`)));
  let sent = 0;
  const traffic = (async () => {
    for (; !typing.signal.aborted; sent++) {
      await friends[sent % friends.length]?.talkToUser("pat", { body: `news ${sent}` });
      await Bun.sleep(1_000 / perSecond);
    }
  })();
  try {
    const times = await typed(page, text);
    typing.abort();
    await traffic;
    return { times, sent };
  } finally {
    typing.abort();
  }
}

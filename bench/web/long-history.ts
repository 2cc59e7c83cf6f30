// A conversation of very many messages: frames while one scrolls to its beginning, and through all that is loaded.

import type { Page } from "playwright-core";
import { inBatches } from "../generator/in-batches.ts";
import { Messenger } from "../../src/sdk/messenger/messenger.ts";
import { scrollFrames } from "./page-times.ts";
import { fastPerFrame, readerPerFrame } from "./pixels.ts";
import type { WebScene } from "./web-scene.ts";

/** Sent before their answers are waited for. */
const inFlight = 500;
/** Pixels of a frame while the last messages come, which are the first ones of the conversation. */
export const hastyPerFrame = 4 * readerPerFrame;

/**
 * Stores messages, of which the receiver has read all, so that the conversation opens at its end. Returns the place of
 * each one in it: of those in flight, any one may be stored first.
 */
export async function writeHistory(
  scene: WebScene,
  { from, to, messages }: { readonly from: string; readonly to: string; readonly messages: number },
): Promise<readonly number[]> {
  const client = await scene.talker(from);
  const stored = await inBatches(messages, inFlight, (at) => client.talkToUser(to, { body: `number ${at}` }));
  const ids = stored.map(({ id }) => id);
  const reader = await Messenger.connect({ url: scene.tcpUrl, token: await scene.token(to), device: "bench" });
  await reader.conversation({ account: from }).markRead();
  await reader.close();
  const places = new Map(ids.toSorted((one, other) => Number(one - other)).map((id, place) => [id, place]));
  return ids.map((id) => places.get(id) ?? -1);
}

interface WayUp {
  /** The first message that was shown in the end: 0, unless something was wrong. */
  readonly lowest: number;
  /** What was not in its place, or not there. */
  readonly faults: readonly string[];
  /** The most messages that were in the document. */
  readonly most: number;
  /** Milliseconds between frames, and the same of those in which the last messages came. */
  readonly gaps: readonly number[];
  readonly lastGaps: readonly number[];
}

/**
 * Scrolls up to the first message, and looks at each frame whether the messages follow each other. `places`: of each
 * message; `last`: before so many are left, it becomes slower.
 */
export function scrollUp(page: Page, places: readonly number[], last: number): Promise<WayUp> {
  return page.evaluate(
    async ({ step, readerStep, placeOf, from }) => {
      const scroller = document.querySelector(".scroller");
      const found: string[] = [];
      const all: number[] = [];
      const ofLast: number[] = [];
      let [before, former, inDocument] = [performance.now(), -1, 0];
      while (former !== 0 && found.length < 10) {
        const now = await new Promise<number>((next) => requestAnimationFrame(next));
        (former >= 0 && former < from ? ofLast : all).push(now - before);
        before = now;
        const shown = Array.from(
          document.querySelectorAll(".message .text"),
          ({ textContent }) => placeOf[Number(/number (\d+)/.exec(textContent ?? "")?.[1])] ?? -1,
        );
        const [first = former] = shown;
        const end = shown.at(-1) ?? -1;
        shown.forEach((one, at) => {
          if (one !== first + at) found.push(`${one} is in the place of ${first + at}`);
        });
        if (former !== -1 && end < former - 1) found.push(`nothing is between ${end} and ${former}`);
        former = first;
        inDocument = Math.max(inDocument, shown.length);
        scroller?.scrollBy(0, former < from ? -readerStep : -step);
      }
      return { most: inDocument, lowest: former, faults: found, gaps: all, lastGaps: ofLast };
    },
    { step: fastPerFrame, readerStep: hastyPerFrame, placeOf: places, from: last },
  );
}

/** The frames of a page with next to nothing in it: what the browser does at best. */
export async function emptyFrames(scene: WebScene, ms: number): Promise<readonly number[]> {
  const page = await (await scene.browser.window()).newPage();
  await page.setContent('<div id="box" style="height:600px;overflow:auto"><div style="height:4000000px">.</div></div>');
  const gaps = await scrollFrames(page, "#box", fastPerFrame, ms);
  await page.close();
  return gaps;
}

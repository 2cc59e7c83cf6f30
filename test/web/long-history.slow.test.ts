// A conversation of 100,000 messages in the web chat, from its end to its beginning, and through all of it.

import { describe, expect, test } from "bun:test";
import { chromium } from "../support/browser.ts";
import { testLimits } from "../support/limits.ts";
import { frameSentence, scrollFrames } from "../support/page-times.ts";
import { hears, openRoom } from "../support/web-page.ts";
import { webStage } from "../support/web-stage.ts";

const messages = 100_000;
/** Sent before their answers are waited for. */
const inFlight = 500;
/** In pixels; less than what is in the document, so that each message is in it in some frame. */
const perFrame = 1_200;
/** As one turns a wheel: 3,000 pixels a second. */
const readerPerFrame = 50;
/** The last pages, before which nearly all is loaded. */
const lastMessages = 10_000;
const scrollMs = 5_000;
/** More than are ever in sight, with those around them. */
const inDocumentMax = 120;
const testMsMax = 600_000;

const stage = webStage({ limits: testLimits({ requestsPerSecond: 100_000 }) });

/** Returns the place of each message in the conversation: of those in flight, any one may be stored first. */
async function write(sender: string, account: string): Promise<readonly number[]> {
  const client = await stage.talker(sender);
  const ids: bigint[] = [];
  for (let at = 0; at < messages; at += inFlight) {
    const talks = Array.from({ length: inFlight }, (_, i) => client.talkToUser(account, { body: `number ${at + i}` }));
    for (const { id } of await Promise.all(talks)) ids.push(id);
  }
  const places = new Map(ids.toSorted((one, other) => Number(one - other)).map((id, place) => [id, place]));
  return ids.map((id) => places.get(id) ?? -1);
}

/** What the browser does with next to nothing in its page. */
async function emptyFrames(): Promise<readonly number[]> {
  const page = await (await stage.browser.window()).newPage();
  await page.setContent('<div id="box" style="height:600px;overflow:auto"><div style="height:4000000px">.</div></div>');
  const gaps = await scrollFrames(page, "#box", perFrame, scrollMs);
  await page.close();
  return gaps;
}

describe.skipIf(chromium === undefined)("the web chat", () => {
  test(
    "100,000 messages come by scrolling up, each of them, in order, without a gap",
    async () => {
      const places = await write("ben", "ann");
      const reader = await stage.somebody("ann");
      await reader.conversation({ account: "ben" }).markRead();
      await reader.close();
      console.log(`an empty page: ${frameSentence(await emptyFrames())}`);
      const ann = await stage.person("ann");
      await openRoom(ann, "ben");
      await hears(ann, `number ${places.indexOf(messages - 1)}`);
      const { most, lowest, faults, gaps, lastGaps } = await ann.evaluate(
        async ({ step, readerStep, placeOf, from }) => {
          const scroller = document.querySelector(".scroller");
          const found: string[] = [];
          const all: number[] = [];
          const ofLast: number[] = [];
          let [last, former, inDocument] = [performance.now(), -1, 0];
          while (former !== 0 && found.length < 10) {
            const now = await new Promise<number>((next) => requestAnimationFrame(next));
            (former >= 0 && former < from ? ofLast : all).push(now - last);
            last = now;
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
        { step: perFrame, readerStep: 4 * readerPerFrame, placeOf: places, from: lastMessages },
      );
      console.log(`while they load, ${perFrame} px a frame: ${frameSentence(gaps)}`);
      console.log(`while the last ${lastMessages} load, ${4 * readerPerFrame} px a frame: ${frameSentence(lastGaps)}`);
      expect({ lowest, faults }).toEqual({ lowest: 0, faults: [] });
      expect(most).toBeLessThan(inDocumentMax);
      for (const step of [readerPerFrame, perFrame]) {
        const sentence = frameSentence(await scrollFrames(ann, ".scroller", step, scrollMs));
        console.log(`through all that is loaded, ${step} px a frame: ${sentence}`);
      }
      expect(await ann.locator(".message").count()).toBeLessThan(inDocumentMax);
    },
    testMsMax,
  );
});

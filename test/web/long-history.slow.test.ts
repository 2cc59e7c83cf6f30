// A conversation of 100,000 messages in the web chat, from its end to its beginning.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { RoostClient } from "../../src/sdk/core.ts";
import { Messenger } from "../../src/sdk/messenger/messenger.ts";
import { chromium } from "../support/browser.ts";
import { Messenger as Server } from "../support/messenger.ts";
import { hears, openRoom, WebBrowser } from "../support/web-page.ts";

const linkSecret = "a-secret-that-only-this-test-knows-123456789";
const app = "demo";
const messages = 100_000;
/** Sent before their answers are waited for. */
const inFlight = 500;
/** In pixels; less than what is in the document, so that each message is in it in some frame. */
const perFrame = 1_200;
const testMsMax = 600_000;

let server: Server;
let browser: WebBrowser;

/** Returns the place of each message in the conversation: of those in flight, any one may be stored first. */
async function write(sender: string, account: string): Promise<readonly number[]> {
  const token = await server.token(sender, app);
  const client = await RoostClient.connect({ url: `tcp://${server.tcp}`, token });
  const ids: bigint[] = [];
  for (let at = 0; at < messages; at += inFlight) {
    const talks = Array.from({ length: inFlight }, (_, i) => client.talkToUser(account, { body: `number ${at + i}` }));
    for (const { id } of await Promise.all(talks)) ids.push(id);
  }
  await client.close();
  const places = new Map(ids.toSorted((one, other) => Number(one - other)).map((id, place) => [id, place]));
  return ids.map((id) => places.get(id) ?? -1);
}

describe.skipIf(chromium === undefined)("the web chat", () => {
  beforeAll(async () => {
    server = await Server.start({ web: true, linkSecret });
    browser = await WebBrowser.launch();
  });
  afterAll(async () => {
    await browser.close();
    await server.stop();
    expect(browser.problems).toEqual([]);
  });

  test(
    "100,000 messages come by scrolling up, each of them, in order, without a gap",
    async () => {
      const places = await write("ben", "ann");
      const token = await server.token("ann", app);
      const reader = await Messenger.connect({ url: `tcp://${server.tcp}`, token, device: "test" });
      await reader.conversation({ account: "ben" }).markRead();
      await reader.close();
      const ann = await browser.person(`http://${server.ws}/#link=${linkSecret}`, "ann");
      await openRoom(ann, "ben");
      await hears(ann, `number ${places.indexOf(messages - 1)}`);
      const { frames, slow, ms, lowest, faults } = await ann.evaluate(
        async ({ step, placeOf }) => {
          const scroller = document.querySelector(".scroller");
          const begin = performance.now();
          const found: string[] = [];
          let [count, late, last, former] = [0, 0, begin, -1];
          while (former !== 0 && found.length < 10) {
            const now = await new Promise<number>((next) => requestAnimationFrame(next));
            if (now - last > 34) late++;
            last = now;
            count++;
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
            scroller?.scrollBy(0, -step);
          }
          return { frames: count, slow: late, ms: performance.now() - begin, lowest: former, faults: found };
        },
        { step: perFrame, placeOf: places },
      );
      console.log(`${((frames * 1_000) / ms).toFixed(1)} frames/s over ${Math.round(ms)} ms, ${slow} above 34 ms`);
      expect({ lowest, faults }).toEqual({ lowest: 0, faults: [] });
    },
    testMsMax,
  );
});

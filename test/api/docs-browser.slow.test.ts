// GET /docs in a browser: wide and narrow, light and dark.

import { afterAll, expect, test } from "bun:test";
import { Descriptions } from "../../src/api/description/descriptions.ts";
import { browserTestMsMax, chromium, type Page, withBrowser } from "../support/browser.ts";

const description = new Descriptions("1.2.3");
const site = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: (request) => description.answer(request, new URL(request.url).pathname) ?? new Response(null, { status: 404 }),
});
afterAll(() => site.stop(true));

async function withPage(work: (page: Page) => Promise<void>): Promise<void> {
  await withBrowser({}, async (browser) => work(await browser.open(`http://127.0.0.1:${site.port}/docs`)));
}

test.skipIf(chromium === undefined)(
  "nothing is wider than the window, on a phone and on a desk",
  async () => {
    await withPage(async (page) => {
      for (const width of [320, 390, 860, 1280]) {
        await page.resize(width, 800, "light");
        const widest = await page.evaluate(
          "Math.max(document.documentElement.scrollWidth, ...[...document.querySelectorAll('main *')]" +
            ".map((each) => each.getBoundingClientRect().right))",
        );
        expect([width, Number(widest) <= width]).toEqual([width, true]);
      }
    });
  },
  browserTestMsMax,
);

/** The least contrast (WCAG 2.2, 1.4.3) of the text of the page with what is behind it. */
const leastContrast = `(() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const luminance = (colour) => {
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const [red, green, blue] = [...context.getImageData(0, 0, 1, 1).data].map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element) => {
    for (let each = element; each !== null; each = each.parentElement) {
      const { backgroundColor } = getComputedStyle(each);
      if (backgroundColor !== "rgba(0, 0, 0, 0)") return backgroundColor;
    }
    return "white";
  };
  let least = Infinity;
  for (const element of document.querySelectorAll("h1, h2, h3, h4, p, a, code, pre, th, td, dt, dd, span, button")) {
    const pair = [luminance(getComputedStyle(element).color), luminance(behind(element))];
    least = Math.min(least, (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05));
  }
  return least;
})()`;

test.skipIf(chromium === undefined)(
  "text has a contrast of 4.5 in light and in dark, which differ",
  async () => {
    await withPage(async (page) => {
      const pages = new Set<unknown>();
      for (const colours of ["light", "dark"] as const) {
        await page.resize(1280, 800, colours);
        expect(Number(await page.evaluate(leastContrast))).toBeGreaterThanOrEqual(4.5);
        pages.add(await page.evaluate("getComputedStyle(document.body).backgroundColor"));
      }
      expect(pages.size).toBe(2);
    });
  },
  browserTestMsMax,
);

test.skipIf(chromium === undefined)(
  "the script of the page runs under its policy: it finds methods and changes the colours",
  async () => {
    await withPage(async (page) => {
      await page.resize(1280, 800, "light");
      for (const words of ["groups mute", "talking WHILE"]) {
        const found = await page.evaluate(`(() => {
          const find = document.querySelector("#find");
          find.value = ${JSON.stringify(words)};
          find.dispatchEvent(new Event("input"));
          return [...document.querySelectorAll("nav li:not([hidden])")].map((each) => each.textContent);
        })()`);
        expect([words, found]).toEqual([words, ["Mute"]]);
      }
      const themes = await page.evaluate(`[1, 2, 3].map(() => {
        document.querySelector("#theme").click();
        return document.documentElement.dataset.theme ?? "auto";
      })`);
      expect(themes).toEqual(["light", "dark", "auto"]);
    });
  },
  browserTestMsMax,
);

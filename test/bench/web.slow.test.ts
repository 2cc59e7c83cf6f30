// The bench's scenario of the web chat, in little, in a real browser: a line for each thing that somebody waits for.

import { expect, test } from "bun:test";
import { chromium } from "../support/browser.ts";
import { newcomerMissing } from "../../bench/web/newcomer.ts";
import { msMax, trial } from "./sound-run.ts";

const names = ["talks", "openings", "visits", "scrolling", "keys", "memory", "newcomer"];

test.skipIf(chromium === undefined)(
  "web: messages, conversations, visits, frames, keys, memory and a newcomer have lines",
  async () => {
    const results = await trial("web");
    const of = (name: string): typeof results => results.filter(({ scenario }) => scenario === `web-${name}`);
    expect([...new Set(results.map(({ scenario }) => scenario))]).toEqual(names.map((name) => `web-${name}`));
    expect(of("talks").map(({ page }) => page)).toEqual(["own", "other"]);
    expect(of("visits").map(({ visit }) => visit)).toEqual(["first", "reload"]);
    expect(of("visits")[0]?.["bytes"]).toBeGreaterThan(0);
    expect(of("scrolling").map(({ phase, pixels_per_frame: pixels }) => `${phase}, ${pixels}`)).toEqual([
      "an empty page, 1200",
      "loading, 1200",
      "loading the last ones, 200",
      "back and forth, 50",
      "back and forth, 1200",
    ]);
    expect(of("keys").map(({ field }) => field)).toEqual(["search", "message"]);
    for (const { scenario, p50_ms: ms, frames_per_second: frames } of results) {
      if (["web-memory", "web-newcomer"].includes(scenario)) continue;
      expect(ms).toBeGreaterThan(0);
      if (scenario === "web-scrolling") expect(frames).toBeGreaterThan(0);
    }
    expect(of("memory")[0]?.["heap_ratio"]).toBeGreaterThan(0);
    const [newcomer] = of("newcomer");
    const missing = newcomerMissing();
    if (missing === undefined) expect(newcomer?.["message_ms"]).toBeGreaterThan(Number(newcomer?.["page_ms"]));
    else expect(newcomer).toMatchObject({ skipped: missing });
  },
  2 * msMax,
);

test.skipIf(chromium !== undefined)(
  "web: without a browser each part says why it has no figure",
  async () => {
    const skipped = "there is no chromium on PATH";
    for (const result of await trial("web")) expect(result).toMatchObject({ skipped });
  },
  msMax,
);

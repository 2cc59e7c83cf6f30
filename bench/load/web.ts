// Scenario `web`: what a person waits for in the web chat, in a real browser on the same cores: the page, a
// conversation, a message, a key, frames while one scrolls; what the page keeps in memory; and how long a newcomer
// takes from the clone to the first message.

import { seededRandom } from "../../src/base/random.ts";
import { chromium } from "../../test/support/browser.ts";
import { openRoom } from "../../test/support/web-page.ts";
import type { Bench } from "../bench.ts";
import type { Load } from "../generator/load.ts";
import { Latency } from "../latency.ts";
import { type Findings, resultOf } from "../result.ts";
import type { Scenario } from "../scenario.ts";
import { hourOfDemo, keptInAnHour } from "../web/demo-hour.ts";
import { emptyFrames, hastyPerFrame, scrollUp, writeHistory } from "../web/long-history.ts";
import { environmentWithoutBun, newcomerMissing, talkFromClone } from "../web/newcomer.ts";
import { fillList, openEach, reload, visitFirst } from "../web/openings.ts";
import { scrollFrames } from "../web/page-times.ts";
import { fastPerFrame, readerPerFrame } from "../web/pixels.ts";
import { talkBetween } from "../web/talks.ts";
import { fillConversations, typed, typedBeside } from "../web/typing.ts";
import { onWebScene } from "../web/web-scene.ts";

const name = "web";
const topology = { topology: "standalone", store: "sqlite" } as const;
/** The longest of the parts, with what it stores before it measures. */
const secondsMax = 120;
const text = "what one types while so much comes is shown at once, with each key";
/** The people of the demo, and what they say. */
const seed = 4;

/** How much of everything. */
interface Amounts {
  readonly talks: number;
  readonly list: Parameters<typeof fillList>[1];
  readonly visits: number;
  readonly history: { readonly messages: number; readonly last: number; readonly scrollMs: number };
  readonly conversations: number;
  readonly typedPerSecond: number;
  readonly demo: Omit<Parameters<typeof keptInAnHour>[1], "random">;
}

const whole: Amounts = {
  talks: 300,
  list: { count: 500, opened: 100, lines: 60 },
  visits: 30,
  history: { messages: 100_000, last: 10_000, scrollMs: 5_000 },
  conversations: 10_000,
  typedPerSecond: 50,
  demo: { ...hourOfDemo, perSecond: 120, lookMs: 1_000 },
};
const few: Amounts = {
  talks: 3,
  list: { count: 20, opened: 2, lines: 60 },
  visits: 1,
  history: { messages: 2_000, last: 500, scrollMs: 200 },
  conversations: 60,
  typedPerSecond: 50,
  demo: { pageSize: 20, firstMinutes: 20, hour: 100, perSecond: 80, lookMs: 100 },
};

type Part = (amounts: Amounts, load: Load) => Promise<readonly Findings[]>;

/** Milliseconds, as fields of a result. */
function spread(times: readonly number[]): ReturnType<Latency["fields"]> {
  const latency = new Latency();
  for (const ms of times) latency.record(0, ms);
  return latency.fields();
}

const talks: Part = (amounts) =>
  onWebScene(async (scene) => {
    const { own, other } = await talkBetween(scene, amounts.talks);
    const found = { scenario: "web-talks", ...topology, sent: amounts.talks, valid: true };
    return [
      { ...found, page: "own", ...spread(own) },
      { ...found, page: "other", ...spread(other) },
    ];
  });

const openings: Part = ({ list, visits }, { tell }) =>
  onWebScene(async (scene) => {
    tell("storing messages", 0);
    await fillList(scene, list);
    const page = await scene.person("pat");
    tell("opening conversations", 0);
    const opened = await openEach(page, list);
    tell("visiting", 0);
    const reloads = await reload(page, visits);
    await page.close();
    const first = await visitFirst(scene, visits);
    const found = { ...topology, conversations: list.count, valid: true };
    return [
      { scenario: "web-openings", ...found, opened: list.opened, ...spread(opened) },
      { scenario: "web-visits", ...found, visit: "first", visits, ...spread(first.times), bytes: first.bytes },
      { scenario: "web-visits", ...found, visit: "reload", visits, ...spread(reloads) },
    ];
  });

const scrolling: Part = ({ history: { messages, last, scrollMs } }, { tell }) =>
  onWebScene(async (scene) => {
    const frames = (phase: string, pixels: number, gaps: readonly number[]): Findings => {
      const sum = gaps.reduce((total, gap) => total + gap, 0);
      const of = { scenario: "web-scrolling", ...topology, messages, phase, pixels_per_frame: pixels };
      return { ...of, frames_per_second: (gaps.length * 1_000) / sum, ...spread(gaps), valid: true };
    };
    tell("storing messages", 0);
    const places = await writeHistory(scene, { from: "ben", to: "ann", messages });
    tell("scrolling", 0);
    const empty = frames("an empty page", fastPerFrame, await emptyFrames(scene, scrollMs));
    const ann = await scene.person("ann");
    await openRoom(ann, "ben");
    await ann.locator(".message").first().waitFor();
    const { gaps, lastGaps, lowest, faults } = await scrollUp(ann, places, last);
    if (lowest !== 0 || faults.length > 0) throw new Error(`up to message ${lowest}: ${faults.join("; ")}`);
    const loading = [frames("loading", fastPerFrame, gaps), frames("loading the last ones", hastyPerFrame, lastGaps)];
    const toAndFro: Findings[] = [];
    for (const pixels of [readerPerFrame, fastPerFrame])
      toAndFro.push(frames("back and forth", pixels, await scrollFrames(ann, ".scroller", pixels, scrollMs)));
    return [empty, ...loading, ...toAndFro];
  });

const keys: Part = ({ conversations, typedPerSecond: perSecond }, { tell }) =>
  onWebScene(async (scene) => {
    tell("storing messages", 0);
    await fillConversations(scene, conversations);
    tell("typing", 0);
    const page = await scene.person("pat");
    await page.locator(".row").first().waitFor();
    await page.getByRole("searchbox").focus();
    const searched = await typed(page, `friend-${conversations - 1}`);
    await page.getByRole("searchbox").fill("");
    await openRoom(page, `friend-${conversations - 1}`);
    await page.getByLabel("Write a message").focus();
    const { times } = await typedBeside(scene, page, { text, conversations, perSecond });
    const found = { scenario: "web-keys", ...topology, conversations, valid: true };
    return [
      { ...found, field: "search", ...spread(searched) },
      { ...found, field: "message", messages_per_second: perSecond, ...spread(times) },
    ];
  });

const memory: Part = ({ demo }, { tell }) =>
  onWebScene(async (scene) => {
    tell("an hour's traffic", 0);
    const { before, after, messages } = await keptInAnHour(scene, { ...demo, random: seededRandom(seed) });
    return [
      {
        scenario: "web-memory",
        ...topology,
        messages,
        heap_before_mb: before.heapBytes / 1e6,
        heap_after_mb: after.heapBytes / 1e6,
        heap_ratio: after.heapBytes / before.heapBytes,
        kept_ratio: after.dataBytes / before.dataBytes,
        nodes_before: before.nodes,
        nodes_after: after.nodes,
        valid: true,
      },
    ];
  });

/** In a trial, with the Bun that runs it: the registry may be out of reach. */
const newcomer: Part = async (_, { settings: { isTrial }, tell }) => {
  const env = isTrial ? process.env : environmentWithoutBun();
  if (!isTrial) {
    tell("filling caches", 0);
    await talkFromClone(env);
  }
  tell("cloning", 0);
  const { clonedMs, pageMs, messageMs } = await talkFromClone(env);
  const found = { scenario: "web-newcomer", ...topology, cloned_ms: clonedMs, page_ms: pageMs };
  return [{ ...found, message_ms: messageMs, valid: true }];
};

const parts = { talks, openings, scrolling, keys, memory, newcomer } as const satisfies Record<string, Part>;
type PartName = keyof typeof parts;

/** In the generator: `part`; starts a server of its own. */
export function loadWeb(load: Load): Promise<readonly Findings[]> {
  const { part, isTrial } = load.settings;
  const [, run] = Object.entries(parts).find(([one]) => one === part) ?? [];
  if (run === undefined) throw new Error(`there is no part ${part}`);
  return run(isTrial ? few : whole, load);
}

/** Why a part cannot be measured here. */
const missing = (part: PartName): string | undefined =>
  (chromium === undefined ? "there is no chromium on PATH" : undefined) ??
  (part === "newcomer" ? newcomerMissing() : undefined);

async function measure(bench: Bench, part: PartName): Promise<void> {
  const skipped = missing(part);
  if (skipped !== undefined) return bench.report([resultOf(`${name}-${part}`, { ...topology, valid: true, skipped })]);
  await bench.measureAlone(name, name, { part, seconds: secondsMax });
}

export const web: Scenario = {
  name,
  takesUrl: false,
  async run(bench) {
    await measure(bench, "talks");
    await measure(bench, "openings");
    await measure(bench, "scrolling");
    await measure(bench, "keys");
    await measure(bench, "memory");
    await measure(bench, "newcomer");
  },
};

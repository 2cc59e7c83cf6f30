// The memory of a page while an hour's traffic of `roost demo` comes to it, in less time.

import type { Page } from "playwright-core";
import type { Random } from "../../src/base/random.ts";
import { systemRuntime } from "../../src/base/runtime.ts";
import { castOf } from "../../src/cli/demo/cast.ts";
import { setStage } from "../../src/cli/demo/stage.ts";
import { Traffic } from "../../src/cli/demo/traffic.ts";
import { Messenger } from "../../src/sdk/messenger/messenger.ts";
import { until } from "../../scripts/harness/until.ts";
import { openRoom } from "../../test/support/web-page.ts";
import type { WebScene } from "./web-scene.ts";

/** What `roost demo` says in an hour, and in the first minutes. */
export const hourOfDemo = { hour: 7_200, firstMinutes: 600, pageSize: 200 } as const;
const account = "ann";
const people = 20;
const groups = 4;

interface Hour {
  readonly random: Random;
  /** Messages until the first look at the memory, and from then until the second one. */
  readonly firstMinutes: number;
  readonly hour: number;
  /**
   * What each conversation begins with: as much as one that is opened loads, at the first look at the memory and at the
   * second one.
   */
  readonly pageSize: number;
  readonly perSecond: number;
  /** Between two looks at another conversation. */
  readonly lookMs: number;
}

/** What a page keeps when all is collected that can be, in bytes. */
interface Kept {
  readonly heapBytes: number;
  /** Of objects, strings and elements: without compiled code, of which V8 makes more the longer a page runs. */
  readonly dataBytes: number;
  /** Elements and texts of documents: a number. */
  readonly nodes: number;
}

/** The beginning of a heap snapshot says how its numbers are to be read. */
interface HeapSnapshot {
  readonly snapshot: {
    readonly meta: {
      readonly node_fields: readonly string[];
      readonly node_types: readonly (readonly string[] | string)[];
    };
  };
  /** As many numbers for each node as there are fields. */
  readonly nodes: readonly number[];
}

interface HourKept {
  readonly before: Kept;
  readonly after: Kept;
  /** What was said between the two. */
  readonly messages: number;
}

/**
 * Has people talk, and a page look at one conversation after the other. Its memory is compared while nobody talks, and
 * the same conversation is open, with as many messages: those that came since it was read last would be loaded, too.
 */
export async function keptInAnHour(scene: WebScene, wish: Hour): Promise<HourKept> {
  const { random, firstMinutes, hour, pageSize, perSecond, lookMs } = wish;
  const way = { url: scene.tcpUrl, tokenOf: (one: string) => scene.token(one) };
  const stage = await setStage({ people: castOf(people, random), groups, guest: account, way, random });
  const traffic = (): Traffic => new Traffic({ ...stage, ...systemRuntime, random, rate: perSecond });
  await traffic().fill(pageSize);
  const reader = await Messenger.connect({ url: scene.tcpUrl, token: await scene.token(account), device: "reader" });
  const page = await scene.person(account);
  await page.locator(".row").nth(groups).waitFor();
  const [home = "", other = ""] = await page.locator(".row-title").allTextContents();
  /** Looks around until so much was said. Returns what the page keeps then, and how many messages it were. */
  const lookAround = async (messages: number): Promise<readonly [Kept, number]> => {
    const talking = traffic();
    talking.start();
    try {
      for (let at = 0; talking.counts.messages < messages; at++) {
        await page
          .locator(".row")
          .nth(at % groups)
          .click();
        await Bun.sleep(lookMs);
      }
    } finally {
      await talking.stop();
    }
    await readAll(reader, page);
    for (const title of [home, other, home]) {
      await openRoom(page, title);
      await page.getByRole("main", { name: title }).locator(".message").nth(5).waitFor();
    }
    return [await keptBy(page), talking.counts.messages];
  };
  try {
    const [before] = await lookAround(firstMinutes);
    const [after, messages] = await lookAround(hour);
    return { before, after, messages };
  } finally {
    await reader.close();
    await Promise.all(stage.actors.map((actor) => actor.leave()));
  }
}

/** Reads all conversations until the page knows: what was said last may be on its way to the reader yet. */
async function readAll(reader: Messenger, page: Page): Promise<void> {
  await reader.conversations.ready();
  await until(async () => {
    await Promise.all(reader.conversations.items.map(({ partner }) => reader.conversation(partner).markRead()));
    return (await page.locator(".row .pill").count()) === 0;
  }, "the page shows nothing unread");
}

async function keptBy(page: Page): Promise<Kept> {
  const tools = await page.context().newCDPSession(page);
  await tools.send("Performance.enable");
  for (let times = 0; times < 3; times++) await tools.send("HeapProfiler.collectGarbage");
  const { metrics } = await tools.send("Performance.getMetrics");
  let text = "";
  tools.on("HeapProfiler.addHeapSnapshotChunk", ({ chunk }) => void (text += chunk));
  await tools.send("HeapProfiler.takeHeapSnapshot", { reportProgress: false });
  await tools.detach();
  const of = (wanted: string): number => metrics.find(({ name }) => name === wanted)?.value ?? NaN;
  return { heapBytes: of("JSHeapUsedSize"), nodes: of("Nodes"), dataBytes: dataIn(JSON.parse(text)) };
}

function dataIn({ snapshot: { meta }, nodes }: HeapSnapshot): number {
  const { node_fields: fields, node_types: types } = meta;
  const [typeAt, sizeAt] = [fields.indexOf("type"), fields.indexOf("self_size")];
  const code = types[typeAt]?.indexOf("code") ?? -1;
  if (sizeAt < 0 || code < 0) throw new Error("this browser's heap snapshots have another form");
  let bytes = 0;
  for (let at = 0; at < nodes.length; at += fields.length)
    if (nodes[at + typeAt] !== code) bytes += nodes[at + sizeAt] ?? 0;
  return bytes;
}

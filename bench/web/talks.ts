// Two people who talk in two browsers: how long a message is on its way, from the key to either screen.

import { begin, hears, openRoom } from "../../test/support/web-page.ts";
import { noteShown, pressedAt, shownAt } from "./page-times.ts";
import type { WebScene } from "./web-scene.ts";

interface TalkTimes {
  /** From the key press until the message is shown, in milliseconds, on the page of who writes and on the other one. */
  readonly own: readonly number[];
  readonly other: readonly number[];
  /** The messages that each page shows, in their order. */
  readonly shown: readonly (readonly string[])[];
}

/** Sends so many messages, `t0`, `t1` and so on, each when the one before is on both screens. */
export async function talkBetween(scene: WebScene, talks: number): Promise<TalkTimes> {
  const [ann, ben] = [await scene.person("ann"), await scene.person("ben")];
  await begin(ann, "ben");
  await ann.getByLabel("Write a message").fill("first");
  await ann.keyboard.press("Enter");
  await openRoom(ben, "ann");
  await hears(ben, "first");
  await Promise.all([noteShown(ann), noteShown(ben)]);
  const [own, other]: [number[], number[]] = [[], []];
  for (let at = 0; at < talks; at++) {
    await ann.keyboard.type(`t${at}`);
    await ann.keyboard.press("Enter");
    const shown = await shownAt(ben, `t${at}`);
    const pressed = await pressedAt(ann);
    own.push((await shownAt(ann, `t${at}`)) - pressed);
    other.push(shown - pressed);
  }
  const shown = await Promise.all([ann, ben].map((page) => page.locator(".message .text").allTextContents()));
  return { own, other, shown };
}

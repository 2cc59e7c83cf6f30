// Times and frames in a page of a browser: what a person waits for, until it is on the screen.

import type { Page } from "playwright-core";

/**
 * Scrolls an element by so many pixels a frame, back and forth between its ends, for so long. Returns the times between
 * frames.
 */
export function scrollFrames(page: Page, selector: string, perFrame: number, ms: number): Promise<readonly number[]> {
  return page.evaluate(
    async (wish) => {
      const box = document.querySelector(wish.selector);
      const gaps: number[] = [];
      let [step, last] = [-wish.perFrame, await new Promise<number>((next) => requestAnimationFrame(next))];
      for (const end = last + wish.ms; last < end;) {
        const before = box?.scrollTop;
        box?.scrollBy(0, step);
        if (box?.scrollTop === before) step = -step;
        const now = await new Promise<number>((next) => requestAnimationFrame(next));
        gaps.push(now - last);
        last = now;
      }
      return gaps;
    },
    { selector, perFrame, ms },
  );
}

/**
 * Has a page note when the text of a message comes into the document: the end of the next frame, for `shownAt`; and
 * when a key or the pointer is pressed, for `pressedAt`. In milliseconds since 1970.
 */
export async function noteShown(page: Page): Promise<void> {
  await page.evaluate(() => {
    const shown = new Map<string, number>();
    const pressed: number[] = [];
    Object.assign(window, { shown, pressed });
    const note = (text: string): void => {
      if (shown.has(text)) return;
      shown.set(text, NaN);
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => shown.set(text, performance.timeOrigin + performance.now());
        port2.postMessage(undefined);
      });
    };
    new MutationObserver((records) => {
      for (const { addedNodes } of records)
        for (const node of addedNodes)
          if (node instanceof Element)
            for (const one of [node, ...node.querySelectorAll(".text")]) {
              if (one.matches(".text")) note(one.textContent ?? "");
            }
    }).observe(document.body, { childList: true, subtree: true });
    for (const kind of ["keydown", "click"])
      addEventListener(kind, ({ timeStamp }) => void pressed.push(performance.timeOrigin + timeStamp), true);
  });
  // The driver's own scripts are loaded before anything is measured.
  await page.waitForFunction(() => true);
}

/** When a message with this text was on the screen; rejects if it does not come. */
export async function shownAt(page: Page, text: string): Promise<number> {
  const found = await page.waitForFunction((wanted) => {
    const shown: unknown = Reflect.get(window, "shown");
    const at: unknown = shown instanceof Map ? shown.get(wanted) : undefined;
    return typeof at === "number" && at > 0 ? at : undefined;
  }, text);
  const at = await found.jsonValue();
  if (at === undefined) throw new Error(`"${text}" was not shown`);
  return at;
}

/** When a key or the pointer was pressed last. */
export async function pressedAt(page: Page): Promise<number> {
  const at = await page.evaluate(() => {
    const pressed: unknown = Reflect.get(window, "pressed");
    return Array.isArray(pressed) ? Number(pressed.at(-1)) : NaN;
  });
  return at;
}

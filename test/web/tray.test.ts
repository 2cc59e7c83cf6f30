// The files that were chosen for a message, until it is sent.

import { expect, test } from "bun:test";
import { sizeOfPicture } from "../../src/web/state/picture-size.ts";
import { Tray } from "../../src/web/state/tray.ts";

/** A tray whose uploads end when they are told to; it notes the names of what is uploaded, and of what is sent. */
function trayOf() {
  const [uploaded, sent]: [string[], string[][]] = [[], []];
  const ends: (() => void)[] = [];
  const upload = (_: Blob, { name = "" } = {}) => {
    uploaded.push(name);
    const { promise, resolve } = Promise.withResolvers<void>();
    ends.push(resolve);
    return promise.then(() => ({ id: name, name, type: "text/plain", size: 1n }));
  };
  const tray = new Tray({ upload }, () => undefined);
  tray.send = () => void sent.push(tray.take().media?.map(({ name }) => name) ?? []);
  return { tray, uploaded, sent, ends };
}

const files = (count: number): File[] => Array.from({ length: count }, (_, at) => new File(["x"], `${at}`));

/** Resolves when all pictures are measured, and what waits for that has gone on. */
const settled = async (): Promise<void> => {
  await sizeOfPicture(new Blob());
  await Bun.sleep(0);
};

test("of more files than a message names, the rest are neither uploaded nor read", async () => {
  const { tray, uploaded } = trayOf();
  const read: string[] = [];
  const chosen = files(12);
  for (const file of chosen)
    file.slice = () => {
      read.push(file.name);
      return new Blob();
    };
  tray.add(chosen.slice(0, 3));
  expect(tray.isFull.value).toBe(false);
  tray.add(chosen.slice(3));
  expect(tray.isFull.value).toBe(true);
  await settled();
  const first = chosen.slice(0, 10).map(({ name }) => name);
  expect([read, uploaded, tray.items.value.map(({ file }) => file.name)]).toEqual([first, first, first]);
});

test("a message that waits is sent once, with all of its files, when the last one is uploaded", async () => {
  const { tray, sent, ends } = trayOf();
  tray.add(files(2));
  tray.sendThen();
  ends[0]?.();
  await settled();
  expect(sent).toEqual([]);
  ends[1]?.();
  await settled();
  expect(sent).toEqual([["0", "1"]]);
});

test.each(["removed", "forgotten"])(
  "a message that waits for files which are all %s is not sent without them",
  (how) => {
    const { tray, sent } = trayOf();
    tray.add(files(1));
    tray.sendThen();
    const [item] = tray.items.value;
    if (how === "removed" && item !== undefined) tray.remove(item);
    else tray.clear();
    expect([sent, tray.items.value, tray.isWaiting.value]).toEqual([[], [], false]);
  },
);

// Each page of a store's files is overwritten in turn: what is damaged is found, and what is whole is served.

import { expect, test } from "bun:test";
import { rmSync, statSync } from "node:fs";
import { createLog } from "../../src/base/log.ts";
import { indexPathOf } from "../../src/store/sqlite/index/index-file.ts";
import { openAt, overwrite, pageBytes, resultOf, StoreFolder, type Filled } from "../support/damaged-store.ts";
import { allIds } from "../support/contents.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { until } from "../../scripts/harness/until.ts";
import { talk } from "./samples.ts";
import { contentsOf } from "../support/contents.ts";

const stores = new StoreFolder(temporaryFolder("damage-test-"));

/** Starts, asks for everything, writes; whatever is answered is right. */
async function startAndAsk(path: string, ids: Filled["ids"]): Promise<"serves" | "ends"> {
  const store = await resultOf(openAt(path));
  if (typeof store === "string") {
    expect(store).toContain(path);
    expect(store).toContain("roost repair --salvage");
    expect(store).not.toContain("Check that its folder exists");
    return "ends";
  }
  for (const [account, own] of ids) {
    const found = await resultOf(allIds(store, account));
    if (typeof found !== "string") expect(found).toEqual([...own]);
    const contents = await resultOf(contentsOf(store, "app", account, own.slice(0, 100)));
    if (typeof contents !== "string") for (const { body } of contents) expect(body).toMatch(/^(\d+ )+$/);
  }
  await resultOf(store.append([talk({ dest: "a1" })]));
  await store.close();
  return "serves";
}

test("any overwritten page of the log: each start serves or ends with a sentence", async () => {
  const whole = await stores.filled(2_000);
  const pages = statSync(whole.path).size / pageBytes;
  const ends: number[] = [];
  for (let page = 0; page < pages; page++) {
    const path = stores.copyOf(whole);
    overwrite(path, page);
    if ((await startAndAsk(path, whole.ids)) === "ends") ends.push(page);
  }
  // The head of the file at least.
  expect(ends).toContain(0);
  expect(ends.length).toBeLessThan(pages);
}, 240_000);

test("a page of the log that was overwritten ends a start that has to make the index, too", async () => {
  const whole = await stores.filled(1_000);
  const pages = statSync(whole.path).size / pageBytes;
  for (let page = 1; page < pages; page += 3) {
    const path = stores.copyOf(whole);
    rmSync(indexPathOf(path));
    overwrite(path, page);
    await startAndAsk(path, whole.ids);
  }
}, 180_000);

test("a page of the index that was overwritten: it is made again, and nothing is missing in any answer", async () => {
  const whole = await stores.filled(2_000);
  const pages = statSync(indexPathOf(whole.path)).size / pageBytes;
  for (let page = 0; page < pages; page++) {
    const path = stores.copyOf(whole);
    overwrite(indexPathOf(path), page);
    const store = await openAt(path);
    for (const [account, own] of whole.ids) {
      await until(async () => {
        const found = await resultOf(allIds(store, account));
        if (typeof found === "string") return false;
        expect(found).toEqual([...own]);
        return true;
      }, "the index answers");
    }
    await store.close();
  }
}, 240_000);

test("an index that is damaged again and again: it is made again with pauses, and the log is not flooded", async () => {
  const whole = await stores.filled(2_000);
  const path = stores.copyOf(whole);
  const harm = Bun.spawn(
    [
      process.execPath,
      "-e",
      `const fs = require("node:fs");
       const noise = Buffer.alloc(40960, 0xaa);
       setInterval(() => {
         try {
           const file = fs.openSync(${JSON.stringify(indexPathOf(path))}, "r+");
           fs.writeSync(file, noise, 0, noise.length, 0);
           fs.closeSync(file);
         } catch (error) {
           // The file is away for a moment whenever it is made again.
           if (error.code !== "ENOENT") throw error;
         }
       }, 3);`,
    ],
    { stdout: "ignore", stderr: "ignore" },
  );
  const lines: string[] = [];
  const opening = resultOf(
    openAt(
      path,
      createLog("info", "text", (line) => lines.push(line)),
    ),
  );
  const store = await opening;
  const began = performance.now();
  if (typeof store === "string") expect(store).toContain("index of the messages is damaged");
  else {
    while (performance.now() - began < 8_000) {
      await resultOf(allIds(store, "a1"));
      await Bun.sleep(20);
    }
  }
  harm.kill("SIGKILL");
  await harm.exited;
  expect(lines.filter((line) => line.includes("rebuilt from the log")).length).toBeLessThan(6);
  if (typeof store !== "string") await store.close();
  const again = await openAt(path);
  await until(async () => (await resultOf(allIds(again, "a1"))).length === 200, "the index is complete");
  await again.close();
}, 180_000);

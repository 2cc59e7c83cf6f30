// Several openings of one SQLite file at once, by one process and by several.

import { expect, test } from "bun:test";
import { temporaryPaths } from "../support/temporary-folder.ts";
import { openAt } from "./sqlite-files.ts";
import { readBesideTwoWriters } from "./two-writers.ts";

const freshPath = temporaryPaths("sqlite-openings-");

test("openings that make the file at the same time all have it", async () => {
  for (let round = 0; round < 20; round++) {
    const path = freshPath();
    const stores = await Promise.all([0, 1, 2].map(() => openAt(path)));
    await Promise.all(stores.map((store) => store.close()));
  }
}, 60_000);

test("two processes that append and compact at once: a reader that pages sees every id once and in order", async () => {
  const path = freshPath();
  const store = await openAt(path);
  const { shown, written } = await readBesideTwoWriters(store, path, "2000", "50");
  await store.close();
  expect(written).toHaveLength(4_000);
  expect(shown).toEqual(written.toSorted((a, b) => (a < b ? -1 : 1)));
}, 60_000);

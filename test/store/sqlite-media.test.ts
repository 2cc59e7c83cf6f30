// The suite of files that messages name, on SQLite; and that the retention and a day without a message remove them.

import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { mediaState } from "../../src/store/media.ts";
import { flushMessagesDefault } from "../../src/store/sqlite/index/posting.ts";
import { PurgeSlices } from "../../src/store/sqlite/purge-slices.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";
import { mediaTests } from "./media-tests.ts";
import { openForAll } from "./opened-store.ts";
import { openAt } from "./sqlite-files.ts";
import { sqlitePlace } from "./sqlite-place.ts";
import { stored, talk } from "./samples.ts";

const freshPath = temporaryPaths("sqlite-media-");
describe("SQLite store, media", () =>
  mediaTests(openForAll(async () => sqlitePlace(freshPath(), flushMessagesDefault))));

test("what the retention deletes takes its files along, and a file without a message goes after the keys", async () => {
  const path = freshPath();
  const store = await openAt(path);
  const item = { id: "kept", name: "n", type: "t/t", size: 1 };
  for (const id of ["kept", "sent", "waits"]) await store.media.promise({ app: "app", account: "ann", ...item, id });
  await store.media.complete("app", "ann", ["kept", "sent"]);
  const say = async (id: string): Promise<bigint> =>
    stored((await store.append([talk({ media: [{ ...item, id }] })]))[0]).messageId;
  await say("kept");
  const last = await say("sent");
  await say("kept");
  await store.media.promise({ app: "app", account: "ann", ...item, id: "young" });
  await store.close();

  const db = new Database(path, { safeIntegers: true });
  const slices = new PurgeSlices(db);
  const states = () =>
    Object.fromEntries(
      db
        .query<{ id: string; state: bigint }, []>("SELECT id, state FROM media")
        .all()
        .map(({ id, state }) => [id, Number(state)]),
    );
  expect(slices.areMediaDue(0n)).toBe(false);
  slices.drop(last);
  const { complete: _, promised, named, gone } = mediaState;
  expect(states()).toEqual({ kept: named, sent: gone, waits: promised, young: promised });
  expect(slices.areMediaDue(last)).toBe(true);
  expect(slices.dropMedia(last)).toBe(false);
  expect(states()).toEqual({ kept: named, sent: gone, waits: gone, young: promised });
  expect(slices.areMediaDue(last)).toBe(false);
  db.close();
});

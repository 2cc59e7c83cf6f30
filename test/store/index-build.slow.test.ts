// A store whose index is lost answers what it can while it is built again.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { until } from "../../scripts/harness/until.ts";
import { indexPathOf } from "../../src/store/sqlite/index/index-file.ts";
import { allIds, contentsOf } from "../support/contents.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";
import { failureOf } from "./failure-of.ts";
import { openAt } from "./sqlite-files.ts";
import { stored, talk } from "./samples.ts";

const freshPath = temporaryPaths("index-build-");
/** More than a start reads into memory, in so many runs that the build takes longer than a start waits. */
const messages = 600_000;
const flushMessages = 500;

test("contents and groups are answered, talks and lists refused until the index is complete", async () => {
  const path = freshPath();
  const first = await openAt(path, 0, { flushMessages });
  const { messageId } = stored((await first.append([talk({ clientId: "first", dest: "eve" })]))[0]);
  await first.append([talk()]);
  await first.close();
  const log = new Database(path, { safeIntegers: true });
  // Copies of the last message: within less than a second after it.
  log.run(
    `WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT ${messages})
     INSERT INTO message (id, inbox, sender, type, body, extra, sent_ns)
     SELECT m.id + (n.value << 12), m.inbox, m.sender, m.type, m.body, m.extra, m.sent_ns
     FROM (SELECT * FROM message ORDER BY id DESC LIMIT 1) m, n`,
  );
  log.run("UPDATE sequence SET last_id = (SELECT max(id) FROM message)");
  log.close();
  for (const end of ["", "-wal", "-shm"]) rmSync(indexPathOf(path) + end, { force: true });

  const store = await openAt(path, 0, { flushMessages });
  expect(store.isHealthy).toBe(false);
  expect(store.trouble).toMatch(/^the index of the messages is being built/);
  expect(await contentsOf(store, "app", "eve", [messageId])).toHaveLength(1);
  expect(await store.groupDetail("app", "nowhere", "eve")).toEqual({ result: "notFound" });
  expect(await failureOf(allIds(store, "eve"))).toMatch(/index of the messages is being built/);
  expect(await failureOf(store.append([talk()]))).toMatch(/index of the messages is being built/);
  await until(() => store.isHealthy, "the index is complete", 120_000);
  expect(await allIds(store, "eve")).toEqual([messageId]);
  expect(stored((await store.append([talk({ clientId: "first", dest: "eve" })]))[0]).messageId).toBe(messageId);
  await store.close();
}, 180_000);

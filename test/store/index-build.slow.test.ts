// A store whose index is lost, or is of the former release, answers what it can while it is built.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { until } from "../../scripts/harness/until.ts";
import { formerPathOf } from "../../src/store/sqlite/index/former-index.ts";
import { indexPathOf, openIndex, removeIndex } from "../../src/store/sqlite/index/index-file.ts";
import type { Store } from "../../src/store/store.ts";
import { toFormerIndex } from "../support/former-index.ts";
import { allIds, contentsOf } from "../support/contents.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";
import { failureOf } from "./failure-of.ts";
import { openAt } from "./sqlite-files.ts";
import { stored, talk } from "./samples.ts";

const freshPath = temporaryPaths("index-build-");
/** More than a start reads into memory, in so many runs that the build takes longer than a start waits. */
const messages = 600_000;
const flushMessages = 500;

/** Makes a closed store with so many messages whose index is removed; the id of the first, which is eve's only one. */
async function withoutIndex(path: string): Promise<bigint> {
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
  removeIndex(indexPathOf(path));
  return messageId;
}

/** Why a conversation cannot be read. */
function failureOfHistory(store: Store): Promise<string> {
  const conversation = { app: "app", account: "bob", toGroup: false, dest: "ann", thread: 0n, limit: 5 };
  return failureOf(store.history({ ...conversation, from: { at: "newest" } }));
}

test("contents and groups are answered, talks and lists refused until the index is complete", async () => {
  const path = freshPath();
  const messageId = await withoutIndex(path);
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

test("while another process has the former index open, everything but conversations is answered at once", async () => {
  const path = freshPath();
  const messageId = await withoutIndex(path);
  const filling = await openAt(path, 0);
  await until(() => filling.isHealthy, "the index is complete", 120_000);
  await filling.close();
  toFormerIndex(indexPathOf(path));
  const former = formerPathOf(indexPathOf(path));
  const other = openIndex(former);
  other.query("SELECT version FROM state").get();

  const store = await openAt(path, 0, { flushMessages: 2_000 });
  expect(store.isHealthy).toBe(true);
  expect(await failureOfHistory(store)).toMatch(/the index of conversations is being built/);
  expect(await allIds(store, "eve")).toEqual([messageId]);
  const repeat = talk({ clientId: "first", dest: "eve" });
  expect(stored((await store.append([repeat]))[0]).messageId).toBe(messageId);
  const ids = [messageId];
  while ((await failureOfHistory(store)) !== "nothing failed") {
    ids.push(stored((await store.append([talk({ dest: "eve" })]))[0]).messageId);
    expect(await allIds(store, "eve")).toEqual(ids);
  }
  expect(await allIds(store, "eve")).toEqual(ids);
  expect(stored((await store.append([repeat]))[0]).messageId).toBe(messageId);
  await store.close();
  expect(existsSync(former)).toBe(true);
  other.close();

  const last = await openAt(path, 0, { flushMessages: 2_000 });
  expect(await failureOfHistory(last)).toBe("nothing failed");
  await last.close();
  expect(existsSync(former)).toBe(false);
}, 180_000);

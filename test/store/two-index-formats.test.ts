// Processes of two releases, whose indexes have different schemas, use one store: neither touches the other's index.

import { fromBinary } from "@bufbuild/protobuf";
import { expect, test } from "bun:test";
import { join } from "node:path";
import { createLog } from "../../src/base/log.ts";
import type { Store } from "../../src/store/store.ts";
import { HistoryRespSchema } from "../../src/wire/gen/pkt_pb.ts";
import { allIds, contentsOf } from "../support/contents.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";
import { stored, talk } from "./samples.ts";
import { openAt } from "./sqlite-files.ts";

const freshPath = temporaryPaths("two-index-formats-");
const rounds = 100;

async function historyOf(store: Store): Promise<bigint[]> {
  const conversation = { app: "app", account: "bob", toGroup: false, dest: "ann", thread: 0n, limit: 50 };
  const answer = await store.history({ ...conversation, from: { at: "newest" } });
  if (answer === "notFound") return [];
  return fromBinary(HistoryRespSchema, answer).messages.map(({ messageId }) => messageId);
}

/** One of each kind of request that needs the index. */
async function useStore(store: Store, ids: bigint[]): Promise<void> {
  const [outcome] = await store.append([talk({ clientId: `k${ids.length}` })]);
  const { messageId } = stored(outcome);
  ids.push(messageId);
  expect(stored((await store.append([talk({ clientId: "k0" })]))[0]).messageId).toBe(ids[0] ?? 0n);
  expect(await allIds(store)).toEqual(ids);
  expect(await contentsOf(store, "app", "bob", [messageId])).toHaveLength(1);
  expect((await historyOf(store)).toSorted((a, b) => Number(a - b))).toEqual(ids.slice(-50));
}

test("no request fails while a process of the former release replaces its index again and again", async () => {
  const path = freshPath();
  const lines: string[] = [];
  const log = createLog("info", "text", (line) => lines.push(line));
  const store = await openAt(path, 15, { flushMessages: 20, log });
  const ids: bigint[] = [];
  await useStore(store, ids);
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "former-index-child.ts"), path, `${rounds}`], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const output = new Response(child.stdout).text();
  while (child.exitCode === null) {
    await useStore(store, ids);
    // One that starts meanwhile.
    const other = await openAt(path, 15, { flushMessages: 20, log });
    expect(other.isHealthy).toBe(true);
    await useStore(other, ids);
    await other.close();
  }
  expect(await child.exited).toBe(0);
  expect((await output).trimEnd().split("\n")).toEqual(Array.from({ length: rounds }, (_, round) => `${round}`));
  await store.close();
  expect(lines.filter((line) => / (?:warn|error) /.test(line))).toEqual([]);
}, 60_000);

// Servers, stores and disks for the tests of backup and restore.

import { Database } from "bun:sqlite";
import { afterEach, beforeEach } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../src/base/log.ts";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { SmallDisk } from "../support/small-disk.ts";
import { run, ServerProcess } from "../../scripts/harness/server-process.ts";

export let folder: string;
export const disks: SmallDisk[] = [];
const servers: ServerProcess[] = [];

export async function start(words: readonly string[] = []): Promise<ServerProcess> {
  const server = await ServerProcess.start(folder, words);
  servers.push(server);
  return server;
}

export async function client(
  server: ServerProcess,
  account: string,
  words: readonly string[] = [],
): Promise<RoostClient> {
  const { out } = await run(["token", "--account", account, ...words], folder);
  return RoostClient.connect({ url: server.tcp, token: out.trim(), reconnect: false });
}

export async function talks(from: RoostClient, to: string, count: number, body = "hello"): Promise<bigint[]> {
  const stored = await Promise.all(
    Array.from({ length: count }, (_, number) => from.talkToUser(to, { body: `${body} ${number}` })),
  );
  return stored.map(({ id }) => id);
}

export async function idsOf(reader: RoostClient, from = 1n): Promise<bigint[]> {
  const ids: bigint[] = [];
  for (let after = from; ;) {
    const page = await reader.index(after, false);
    const last = page.at(-1);
    if (last === undefined) return ids;
    for (const { messageId } of page) ids.push(messageId);
    after = last.messageId;
  }
}

/**
 * Ids that a file of messages holds, opened as a server does it: what a process that was killed has left is rolled
 * back.
 */
export function idsIn(path: string): bigint[] {
  const db = new Database(path, { readwrite: true, create: false, safeIntegers: true });
  try {
    return db
      .query<{ id: bigint }, []>("SELECT id FROM message ORDER BY id")
      .all()
      .map(({ id }) => id);
  } finally {
    db.close();
  }
}

/** Everything in a folder but what the server itself keeps there. */
export const leftIn = (path: string): string[] => readdirSync(path).filter((name) => /partial|restoring/.test(name));

/** A store with this many messages, without a server. */
export async function fill(path: string, count: number, body = "hello"): Promise<void> {
  const store = await openSqliteStore({ path, retentionDays: 0, log: silentLog });
  const one = { app: "default", sender: "alice", toGroup: false, dest: "bob", type: 1, extra: "", clientId: "" };
  for (let at = 0; at < count; at += 1_000)
    await store.append(Array.from({ length: Math.min(1_000, count - at) }, () => ({ ...one, body })));
  await store.close();
}

/** Gives each test a folder, and ends what it started there. */
export function useFolder(): void {
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "roost-backup-"));
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.end("SIGKILL")));
    for (const disk of disks.splice(0)) disk.remove();
    rmSync(folder, { recursive: true, force: true });
  });
}

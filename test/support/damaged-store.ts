// For tests: a store with messages to ten accounts and a group, and ways to harm its files.

import { Database } from "bun:sqlite";
import { closeSync, cpSync, existsSync, openSync, readFileSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { silentLog, type Log } from "../../src/base/log.ts";
import { indexPathOf } from "../../src/store/sqlite/index/index-file.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { StoreUnavailable, type Store } from "../../src/store/store.ts";
import { draft, stored, talk } from "../store/samples.ts";
import { until } from "../../scripts/harness/until.ts";

export const pageBytes = 4096;
const flushMessages = 100;

export const openAt = (path: string, log: Log = silentLog): Promise<Store> =>
  openSqliteStore({ path, retentionDays: 0, log, flushMessages });

/** What became of a promise: its value, or the sentence of a StoreUnavailable. */
export async function resultOf<T>(promise: Promise<T>): Promise<T | string> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof StoreUnavailable) return error.message;
    throw error;
  }
}

export interface Filled {
  readonly path: string;
  /** Of the messages to each of the accounts a0 to a9, in order. */
  readonly ids: ReadonlyMap<string, readonly bigint[]>;
}

/** Makes a closed store at `path` of `count` messages, a multiple of 500, all of them folded. */
export async function fillStore(path: string, count: number): Promise<Filled> {
  const store = await openAt(path);
  await store.createGroup(draft({ members: ["bob"] }));
  const ids = new Map<string, bigint[]>();
  for (let from = 0; from < count; from += 500) {
    const talks = Array.from({ length: 500 }, (_, i) =>
      talk({ dest: `a${i % 10}`, body: `${from + i} `.repeat(8), clientId: `k${from + i}` }),
    );
    for (const [i, outcome] of (await store.append(talks)).entries()) {
      const own = ids.get(`a${i % 10}`) ?? [];
      own.push(stored(outcome).messageId);
      ids.set(`a${i % 10}`, own);
    }
  }
  const index = new Database(indexPathOf(path), { readonly: true });
  const folded = index.prepare<{ messages: number }, []>("SELECT sum(messages) AS messages FROM run");
  await until(() => folded.get()?.messages === count, "all is folded");
  index.close();
  await store.close();
  return { path, ids };
}

/** Copies a closed store. */
export function copyStore(from: string, to: string): void {
  cpSync(from, to);
  if (existsSync(indexPathOf(from))) cpSync(indexPathOf(from), indexPathOf(to));
}

/** Stores in one folder: filled ones, and copies of them to be harmed. */
export class StoreFolder {
  private readonly root: string;
  private places = 0;

  constructor(root: string) {
    this.root = root;
  }

  /** A path that nothing is at. */
  path(name: string): string {
    return join(this.root, `${name}-${this.places++}.db`);
  }

  filled(count: number): Promise<Filled> {
    return fillStore(this.path("filled"), count);
  }

  copyOf({ path }: Filled): string {
    const copy = this.path("copy");
    copyStore(path, copy);
    return copy;
  }
}

export function pagesOf(path: string): number {
  return statSync(path).size / pageBytes;
}

/** Writes AA over a page; the first one has the number 0. */
export function overwrite(path: string, page: number): void {
  const file = openSync(path, "r+");
  writeSync(file, Buffer.alloc(pageBytes, 0xaa), 0, pageBytes, page * pageBytes);
  closeSync(file);
}

/** The pages that are leaves of tables or indexes, but for the first page (https://www.sqlite.org/fileformat.html). */
export function leavesOf(path: string): number[] {
  const bytes = readFileSync(path);
  const leafTypes = [0x0a, 0x0d];
  const pages = Array.from({ length: bytes.length / pageBytes - 1 }, (_, at) => at + 1);
  return pages.filter((page) => leafTypes.includes(bytes[page * pageBytes] ?? 0));
}

// Stores in files of a temporary folder.

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../src/base/log.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { SqliteStoreOptions } from "../../src/store/sqlite/threaded-store.ts";
import { StoreUnavailable, type Store } from "../../src/store/store.ts";

export const root = mkdtempSync(join(tmpdir(), "store-test-"));
let places = 0;
export const freshPath = (): string => join(root, `${places++}.db`);

export const openAt = (path: string, retentionDays = 15, change: Partial<SqliteStoreOptions> = {}): Promise<Store> =>
  openSqliteStore({ path, retentionDays, log: silentLog, ...change });

/** The sentence of a StoreUnavailable. */
export async function failureOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof StoreUnavailable) return error.message;
    throw error;
  }
  return "nothing failed";
}

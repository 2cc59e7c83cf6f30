import { silentLog } from "../../src/base/log.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { SqliteStoreOptions } from "../../src/store/sqlite/threaded-store.ts";
import type { Store } from "../../src/store/store.ts";

/** Opens a store in a file, silently. */
export const openAt = (path: string, retentionDays = 15, change: Partial<SqliteStoreOptions> = {}): Promise<Store> =>
  openSqliteStore({ path, retentionDays, log: silentLog, ...change });

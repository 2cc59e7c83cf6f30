// Engines by the URL that an operator writes: where messages and sessions are kept.

import { systemClock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { openRedisSessions } from "../session/redis/redis-sessions.ts";
import type { Sessions } from "../session/sessions.ts";
import { openSqliteSessions } from "../session/sqlite/sqlite-sessions.ts";
import { openPostgresPurge } from "../store/postgres/purge-tool.ts";
import { openPostgresStore } from "../store/postgres/postgres-store.ts";
import type { PurgeTool } from "../store/purge.ts";
import { openSqlitePurgeTool } from "../store/sqlite/purge-tool.ts";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";
import type { Store } from "../store/store.ts";

const sqlite = "sqlite:";

/**
 * Opens a message store: `sqlite:PATH` or `postgres://…`. Rejects with StoreUnavailable; `refused` is told why a store
 * that was away at first cannot be opened.
 */
export function openStore(
  url: string,
  retentionDays: number,
  log: Log,
  refused: (sentence: string) => void,
): Promise<Store> {
  if (url.startsWith(sqlite)) return openSqliteStore({ path: url.slice(sqlite.length), retentionDays, log });
  return openPostgresStore({ url, retentionDays, log, refused });
}

/** Opens the operator's purge of a message store that exists. Rejects with StoreUnavailable. */
export function openPurgeTool(url: string): Promise<PurgeTool> {
  return Promise.try(() =>
    url.startsWith(sqlite) ? openSqlitePurgeTool(url.slice(sqlite.length), systemClock) : openPostgresPurge(url),
  );
}

/**
 * Opens the sessions that services share: `sqlite:PATH` or `redis://…`. Rejects with SessionsUnavailable; `refused` is told
 * why a store that was away at first cannot be used.
 */
export async function openSessions(url: string, log: Log, refused: (sentence: string) => void): Promise<Sessions> {
  if (url.startsWith(sqlite)) return openSqliteSessions({ path: url.slice(sqlite.length), log });
  return openRedisSessions({ url, log, refused });
}

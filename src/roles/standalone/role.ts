// Everything in one process, with messages in SQLite. The store's threads open its files while this one reads the rest of
// the program: each takes about as long as the other.

import { openSqliteStore } from "../../store/sqlite/sqlite-store.ts";
import type { RunningStandalone, StandaloneSettings } from "../settings.ts";
import type { assemble } from "./assembly.ts";

/** The rest of the program. */
interface Assembly {
  readonly assemble: typeof assemble;
}

/**
 * Starts it all; rejects, with nothing left running, when a listener or the store cannot be opened, or when `read`, which
 * reads the rest of the program, rejects.
 */
export async function startStandalone(
  settings: StandaloneSettings,
  read: () => Promise<Assembly> = () => import("./assembly.ts"),
): Promise<RunningStandalone> {
  const { storePath, takeLock, adopt, retentionDays, limits, log } = settings;
  const opening = openSqliteStore({
    path: storePath,
    retentionDays,
    limits: limits.values,
    claim: { fingerprints: [], adopt },
    log,
    ...(takeLock === undefined ? {} : { takeLock }),
  });
  const reading = read();
  // To the end of both: what is still being opened when the other one fails would be closed by nobody.
  await Promise.allSettled([opening, reading]);
  const store = await opening;
  let assembly: Assembly;
  try {
    assembly = await reading;
  } catch (error) {
    await store.close();
    throw error;
  }
  // The store is the assembly's now, which closes it when it fails.
  return assembly.assemble(settings, store);
}

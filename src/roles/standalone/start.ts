// Everything in one process, with messages in SQLite. The store's threads open its files while this one reads the rest
// of the program: each takes about as long as the other.

import { openSqliteStore } from "../../store/sqlite/sqlite-store.ts";
import type { RunningStandalone, StandaloneSettings } from "../settings.ts";
import type { assemble } from "./assembly.ts";

/** The rest of the program. */
interface Assembly {
  readonly assemble: typeof assemble;
}

/**
 * Starts it all; rejects, with nothing left running, when a listener or the store cannot be opened, or when `read`,
 * which reads the rest of the program, rejects.
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
  // The assembly awaits it and reports its failure.
  opening.catch(() => undefined);
  let assembly: Assembly;
  try {
    assembly = await read();
  } catch (error) {
    // What is still being opened would be closed by nobody; its own failure says more.
    await (await opening).close();
    throw error;
  }
  // The store is the assembly's now, which closes it when it fails.
  return assembly.assemble(settings, opening);
}

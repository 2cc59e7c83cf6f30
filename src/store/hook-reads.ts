// Reads for webhooks in the thread that tells them, whatever the engine is.

import type { Timers } from "../base/timers.ts";
import type { HookFile, HookReads } from "./hooks.ts";

export interface OwnReads extends HookReads {
  /** Frees what is open; nothing is read from now on. */
  close(): void;
}

/**
 * Reads through a connection of this thread if the store has a file, so that what is read need not be passed from
 * thread to thread. What that fails to read, `store` is asked for.
 * @param fileOf see HookStore
 */
export async function openHookReads(
  store: HookReads,
  fileOf: () => Promise<HookFile | undefined>,
  timers: Pick<Timers, "after">,
): Promise<OwnReads> {
  if ((await fileOf()) === undefined) return { ...store, close: () => undefined };
  const { FileReads } = await import("./sqlite/hooks/file-reads.ts");
  return new FileReads(store, fileOf, timers);
}

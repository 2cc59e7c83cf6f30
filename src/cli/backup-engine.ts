// What roost backup asks of each engine, and what the engines share.

import { open } from "node:fs/promises";
import type { StoreFacts } from "../store/store-facts.ts";
import type { Draft } from "./draft.ts";
import type { Progress } from "./progress.ts";

/** An engine's part of a backup. */
export interface Engine {
  /** The folder for the temporary copy of a backup that goes to a pipe. */
  readonly pipeFolder: string;
  /** Bytes that the copy takes, about; 0 if nobody knows. */
  readonly bytes: number;
  /** Writes, verifies and syncs the copy; the draft is an empty file. */
  copy(draft: Draft, progress: Progress): Promise<StoreFacts>;
  /** What else is worth saving. */
  readonly advice: string | undefined;
}

/** Between two syncs of the copy: an unsynced gigabyte would make the server's next commit wait for it. */
const syncEveryMs = 50;

/** Syncs a file that grows, in the background, and tells its size. */
export async function follow(path: string, over: AbortSignal, told: (bytes: number) => void): Promise<void> {
  try {
    await using file = await open(path, "r+");
    while (!over.aborted) {
      told((await file.stat()).size);
      await file.datasync();
      await Bun.sleep(syncEveryMs);
    }
  } catch {
    // The last sync, whose failure counts, is made by the thread that writes.
  }
}

// The interface of roost backup to the store engines, and what their implementations share.

import { open } from "node:fs/promises";
import type { StoreFacts } from "../store/store-facts.ts";
import type { Draft } from "./draft.ts";
import type { Progress } from "./progress.ts";

/** What a copy holds; `lack`: a sentence about what of the store it has not, if that is damaged. */
interface Copied {
  readonly facts: StoreFacts;
  readonly lack?: string | undefined;
}

/** An engine's part of a backup. */
export interface Engine {
  /** The folder for the temporary copy of a backup that goes to a pipe. */
  readonly pipeFolder: string;
  /** The approximate size of the copy; 0 if unknown. */
  readonly bytes: number;
  /** Writes, verifies and syncs the copy; the draft is an empty file. */
  copy(draft: Draft, progress: Progress): Promise<Copied>;
  /** A sentence about what else the operator should save. */
  readonly advice: string | undefined;
}

/** The time between two syncs of the copy: an unsynced gigabyte would delay the server's next commit. */
const syncEveryMs = 50;

/** Syncs a growing file in the background, and reports its size, until `over` is aborted. Never rejects. */
export async function follow(path: string, over: AbortSignal, grown: (bytes: number) => void): Promise<void> {
  try {
    await using file = await open(path, "r+");
    while (!over.aborted) {
      grown((await file.stat()).size);
      await file.datasync();
      await Bun.sleep(syncEveryMs);
    }
  } catch {
    // The thread that writes makes the last sync, and reports its failure.
  }
}

// roost backup and roost restore for a store in PostgreSQL.

import { join } from "node:path";
import { dumpStore } from "../store/postgres/backup.ts";
import { placeOf } from "../store/postgres/client.ts";
import { restoreStore } from "../store/postgres/restore.ts";
import { BackupThread } from "../store/sqlite/backup/backup-thread.ts";
import { type Engine, follow } from "./backup-engine.ts";
import { Draft, draftName, passingFolder } from "./draft.ts";
import { Progress, sizeOf } from "./progress.ts";
import { isEmpty, pipedName, refusalOf, type Restored } from "./restored.ts";
import { StartError } from "./usage-error.ts";

/** Makes backups with pg_dump. */
export function postgresEngine(url: string): Engine {
  return {
    pipeFolder: passingFolder("/var/tmp"),
    bytes: 0,
    advice: undefined,
    async copy(draft, progress) {
      const over = new AbortController();
      draft.onDiscard(() => over.abort());
      const done = new AbortController();
      let phase = "connecting";
      const dumping = dumpStore(url, draft.path, over.signal, (begun) => (phase = begun));
      const following = follow(draft.path, done.signal, (bytes) => progress.show(`${phase} ${sizeOf(bytes)}`));
      try {
        return { facts: await dumping };
      } finally {
        done.abort();
        await following;
      }
    },
  };
}

/**
 * Restores an archive; `file` undefined means standard input. `isAsync`: of several servers, standbys need not have it.
 * Throws StartError.
 */
export async function restoreDatabase(
  file: string | undefined,
  url: string,
  isAsync: boolean,
  replace: boolean,
): Promise<Restored> {
  const place = placeOf(url);
  const name = file ?? pipedName;
  const draft = new Draft(draftName(join(passingFolder("/var/tmp"), "roost-restore")));
  const over = new AbortController();
  draft.onDiscard(() => over.abort());
  const progress = new Progress();
  try {
    if (file === undefined) await receive(draft.path);
    progress.show("restoring");
    const { held, aside } = await restoreStore({
      url,
      isAsync,
      path: file ?? draft.path,
      name,
      over: over.signal,
      mayReplace(present, backedUp) {
        if (!replace && !isEmpty(present)) throw new StartError(refusalOf(place, present, name, backedUp));
      },
    });
    const kept = `the former store is kept as the schema ${aside}; drop it when you no longer need it`;
    return { held, advice: aside === undefined ? [] : [kept] };
  } finally {
    progress.clear();
    draft.discard();
  }
}

/** Copies standard input to a file: the archive is read more than once. */
async function receive(to: string): Promise<void> {
  const thread = new BackupThread();
  try {
    await thread.ask({ kind: "spool", to });
  } finally {
    thread.end();
  }
}

// roost backup: copies a store into one file, whether a server runs or not. The copy is verified and synced before it
// gets its name; for a pipe, before the first byte is sent.

import { existsSync, lstatSync, realpathSync, statfsSync, statSync } from "node:fs";
import { setPriority } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { isatty } from "node:tty";
import { secretPath } from "../auth/secret.ts";
import { copyBytesOf } from "../store/sqlite/backup/backup.ts";
import { BackupThread } from "../store/sqlite/backup/backup-thread.ts";
import { isIndexPath } from "../store/sqlite/index/former-index.ts";
import { indexPathOf } from "../store/sqlite/index/index-file.ts";
import { readsPathOf } from "../store/sqlite/conversations/read-file.ts";
import { StoreUnavailable } from "../store/store.ts";
import { type Engine, follow } from "./backup-engine.ts";
import { say } from "./command-output.ts";
import { Draft, draftName, existsSentence, passingFolder } from "./draft.ts";
import type { OptionValues } from "./option-values.ts";
import { Progress, sizeOf } from "./progress.ts";
import { heldSentence } from "./restored.ts";
import { storeFailure } from "./store-failure.ts";
import { storePlaceOf } from "./store-place.ts";
import { StartError, UsageError } from "./usage-error.ts";

/** Left free on the disk, where the server may write. */
const spareBytes = 16 * 1024 * 1024;
/** The server has priority. */
const niceness = 10;

/** Makes the backup that the operand names. Throws StartError, UsageError. */
export async function backup(values: OptionValues): Promise<void> {
  try {
    await makeBackup(values);
  } catch (error) {
    throw storeFailure("no backup was made", error);
  }
}

async function makeBackup(values: OptionValues): Promise<void> {
  const begunMs = performance.now();
  const place = storePlaceOf(values);
  const isPiped = values.operand === "-";
  const replace = values.required("replace");
  if (isPiped && isatty(1))
    throw new UsageError("- writes the backup to standard output, which is a terminal: expected a file, or a pipe");
  yieldToServer();
  const engine =
    place.kind === "sqlite"
      ? sqliteEngine(place.path, place.folder)
      : (await import("./backup-postgres.ts")).postgresEngine(place.url);
  const path = isPiped
    ? join(engine.pipeFolder, "roost-backup")
    : targetOf(values.operand, replace, place.kind === "sqlite" ? place.path : undefined);
  const draft = new Draft(draftName(`${path}.partial`));
  const progress = new Progress();
  try {
    draft.make();
    refuseFullDisk(dirname(path), engine.bytes);
    const { facts, lack } = await engine.copy(draft, progress);
    const { size } = statSync(draft.path);
    if (isPiped) await send(draft, progress);
    else draft.publish(path, replace);
    progress.clear();
    const seconds = ((performance.now() - begunMs) / 1000).toFixed(1);
    const where = isPiped ? "" : `: ${path}`;
    say(`backed up ${heldSentence(facts)}, ${sizeOf(size)}, in ${seconds} s${where}`);
    if (lack !== undefined) say(`warning: ${lack}`);
    if (engine.advice !== undefined) say(engine.advice);
  } finally {
    progress.clear();
    draft.discard();
  }
}

/** Lowers the priority of this thread, and of the threads that it starts from now on. */
function yieldToServer(): void {
  try {
    setPriority(niceness);
  } catch {
    // Some systems do not allow it; the backup works without.
  }
}

function sqliteEngine(path: string, folder: string | undefined): Engine {
  if (!existsSync(path))
    throw new StartError(`there is no store at ${path}; name its folder with --data or its file with --store`);
  const bytes = copyBytesOf(path);
  const secret = folder === undefined ? undefined : secretPath(folder);
  return {
    // Not /tmp, which may be in memory.
    pipeFolder: passingFolder(dirname(path)),
    bytes,
    advice:
      secret !== undefined && existsSync(secret)
        ? `the backup does not contain the secret that signs tokens; keep a copy of ${secret}, too`
        : undefined,
    async copy(draft, progress) {
      const thread = new BackupThread();
      let phase = "copying";
      const copied = thread.ask({ kind: "backUp", from: path, to: draft.path }, (begun) => (phase = begun));
      const over = new AbortController();
      const following = follow(draft.path, over.signal, (written) =>
        progress.show(phase, phase === "copying" ? written / bytes : undefined),
      );
      try {
        const answer = await copied;
        if (answer.kind !== "backedUp") throw new Error("a backup is answered with what it holds");
        return answer;
      } finally {
        over.abort();
        await following;
        thread.end();
      }
    },
  };
}

/**
 * Returns the path of the file to create. Refuses folders, the store's own files, and existing files without --replace.
 */
function targetOf(operand: string, replace: boolean, store: string | undefined): string {
  const given = resolve(operand);
  if (!existsSync(dirname(given)))
    throw new StartError(`there is no folder ${dirname(given)} for the backup; create it`);
  const path = existsSync(given) ? realpathSync(given) : join(realpathSync(dirname(given)), basename(given));
  if (store !== undefined) {
    const files = [store, readsPathOf(store)];
    const own = files.flatMap((file) => ["", "-wal", "-shm", "-journal", "-lock"].map((end) => file + end));
    if (own.includes(path) || isIndexPath(indexPathOf(store), path))
      throw new StartError(`${given} belongs to the store itself; choose another name`);
  }
  // lstat finds a dangling link.
  const found = statSync(path, { throwIfNoEntry: false }) ?? lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return path;
  if (found.isDirectory()) throw new StartError(`${given} is a folder: expected a file`);
  if (!found.isFile() && !found.isSymbolicLink())
    throw new StartError(`${given} is not a file; use - to write the backup to standard output`);
  if (!replace) throw new StartError(existsSentence(given));
  return path;
}

/** Refuses a copy that does not fit: the server may need the rest of the disk. */
function refuseFullDisk(folder: string, bytes: number): void {
  if (bytes === 0) return;
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize < bytes + spareBytes)
    throw new StartError(
      `the backup needs ${sizeOf(bytes)}, but ${folder} has ${sizeOf(bavail * bsize)} left; choose a file on ` +
        `another disk`,
    );
}

async function send(draft: Draft, progress: Progress): Promise<void> {
  const thread = new BackupThread();
  try {
    progress.show("sending");
    await thread.ask({ kind: "send", path: draft.path });
  } catch (error) {
    if (error instanceof StoreUnavailable && error.message.startsWith("EPIPE"))
      throw new StartError("the reader of standard output ended before the whole backup was written");
    throw error;
  } finally {
    thread.end();
  }
}

// roost restore: puts a backup in the place of a store that no server uses. What was there is moved aside, never
// deleted.

import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { isatty } from "node:tty";
import { secretPath } from "../auth/secret.ts";
import { BackupThread } from "../store/sqlite/backup/backup-thread.ts";
import { asideFiles, freshAside, replacedStem, undoHalfSwap } from "../store/sqlite/backup/restore.ts";
import { StoreUnavailable } from "../store/store.ts";
import { say } from "./command-output.ts";
import { lockDataFolder, lockStore, openDataFolder } from "./data-folder.ts";
import { Draft, draftName } from "./draft.ts";
import { codeOf, sentenceOf } from "./failure.ts";
import type { OptionValues } from "./option-values.ts";
import { Progress } from "./progress.ts";
import { heldSentence, isEmpty, refusalOf, type Restored } from "./restored.ts";
import { storePlaceOf } from "./store-place.ts";
import { StartError, UsageError } from "./usage-error.ts";

/** Restores the backup that the words name. Throws StartError, UsageError. */
export async function restore(values: OptionValues): Promise<void> {
  try {
    await restoreBackup(values);
  } catch (error) {
    // What the machine or a store refuses is told as a sentence; anything else is a bug.
    const isTold = error instanceof StoreUnavailable || codeOf(error) !== "";
    throw isTold ? new StartError(`nothing was restored: ${sentenceOf(error)}`) : error;
  }
}

async function restoreBackup(values: OptionValues): Promise<void> {
  const begunMs = performance.now();
  const place = storePlaceOf(values);
  const replace = values.required("replace");
  const file = sourceOf(values.operand);
  const restored =
    place.kind === "sqlite"
      ? await restoreFile(file, place.path, place.folder, replace)
      : await (await import("./backup-postgres.ts")).restoreDatabase(file, place.url, replace);
  const seconds = ((performance.now() - begunMs) / 1000).toFixed(1);
  say(`restored ${heldSentence(restored.held)}, in ${seconds} s`);
  for (const line of restored.advice) say(line);
}

/** The path of the backup; undefined is standard input. */
function sourceOf(operand: string): string | undefined {
  if (operand === "-") {
    if (isatty(0)) throw new UsageError("- reads the backup from standard input, which is a terminal; use a pipe");
    return undefined;
  }
  const path = resolve(operand);
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) throw new StartError(`there is no file ${path}`);
  if (!status.isFile()) throw new StartError(`${path} is no file; name one that roost backup made`);
  // What belongs to a file lies beside it, and not beside a link to it.
  return realpathSync(path);
}

async function restoreFile(
  file: string | undefined,
  path: string,
  folder: string | undefined,
  replace: boolean,
): Promise<Restored> {
  refuseUnfinished(file, path);
  const unlock: (() => void)[] = [];
  if (folder !== undefined) unlock.push(lockDataFolder(openDataFolder(folder)));
  else mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const progress = new Progress();
  let draft: Draft | undefined;
  let thread: BackupThread | undefined;
  try {
    unlock.push(lockStore(path, "alone"));
    undoHalfSwap(path);
    // Whoever has the lock is alone: what a restore that was killed has left is nobody's.
    const stem = `${basename(path)}.restoring-`;
    for (const name of readdirSync(dirname(path))) {
      const left = join(dirname(path), name);
      // Somebody may restore what a run that was killed had received.
      if (name.startsWith(stem) && left !== file) rmSync(left);
    }
    draft = new Draft(draftName(`${path}.restoring`));
    thread = new BackupThread();
    const name = file ?? "what came through the pipe";
    progress.show("copying and verifying");
    const held = await thread.facts({ kind: "receive", from: file, to: draft.path, name });
    const there = await thread.ask({ kind: "present", path, lastId: held.lastId });
    const present = there.kind === "present" ? there.present : undefined;
    if (present !== undefined && !replace && !isEmpty(present))
      throw new StartError(refusalOf(path, present, name, held));
    const aside = freshAside(path + replacedStem);
    await thread.ask({ kind: "putInPlace", path, draft: draft.path, aside });
    return { held, advice: adviceOf(folder, aside) };
  } finally {
    progress.clear();
    thread?.end();
    draft?.discard();
    for (const free of unlock.toReversed()) free();
  }
}

/** A file with a write-ahead log or a journal beside it is not all of a store, and the store itself is no backup. */
function refuseUnfinished(file: string | undefined, path: string): void {
  if (file === undefined) return;
  if (file === path) throw new StartError(`${file} is the store itself; name a backup of it`);
  for (const end of ["-wal", "-journal"])
    if ((statSync(file + end, { throwIfNoEntry: false })?.size ?? 0) > 0)
      throw new StartError(
        `${file} is not all of a store without ${file}${end}, which a server or a tool has left; make one file of ` +
          `both: ` +
          `roost backup OTHER --store sqlite:${file}`,
      );
}

function adviceOf(folder: string | undefined, aside: string): string[] {
  const advice: string[] = [];
  const kept = asideFiles(aside).filter((path) => existsSync(path));
  if (kept.length > 0)
    advice.push(`what was there before is kept in ${kept.join(", ")}; remove it when you need it no more`);
  if (folder !== undefined && !existsSync(secretPath(folder)))
    advice.push(
      `the folder has no key of the tokens: put the old one at ${secretPath(folder)}, or clients need new tokens`,
    );
  advice.push("the index of the messages is made again at the next start");
  return advice;
}

// roost restore: replaces a store that no server uses by a backup. The former store is kept under another name.

import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { isatty } from "node:tty";
import { secretPath } from "../auth/secret.ts";
import { BackupThread } from "../store/sqlite/backup/backup-thread.ts";
import { Unheld } from "../store/postgres/failures.ts";
import { asideFiles, freshAside, replacedStem, undoHalfSwap } from "../store/sqlite/backup/restore.ts";
import { say } from "./command-output.ts";
import { lockDataFolder, lockStore, makeDataFolder } from "./data-folder.ts";
import { Draft, draftName } from "./draft.ts";
import type { OptionValues } from "./option-values.ts";
import { Progress } from "./progress.ts";
import { heldSentence, isEmpty, pipedName, refusalOf, type Restored } from "./restored.ts";
import { storeFailure } from "./store-failure.ts";
import { type StorePlace, storePlaceOf } from "./store-place.ts";
import { StartError, UsageError } from "./usage-error.ts";

/** Restores the backup that the operand names. Throws StartError, UsageError. */
export async function restore(values: OptionValues): Promise<void> {
  try {
    await restoreBackup(values);
  } catch (error) {
    throw storeFailure(error instanceof Unheld ? "it may be undone" : "nothing was restored", error);
  }
}

async function restoreBackup(values: OptionValues): Promise<void> {
  const begunMs = performance.now();
  const place = storePlaceOf(values);
  if (values.required("accept-loss")) return acceptLossIn(place, values);
  const replace = values.required("replace");
  const file = sourceOf(values.operands[0]);
  const restored =
    place.kind === "sqlite"
      ? await restoreFile(file, place.path, place.folder, replace)
      : await (
          await import("./backup-postgres.ts")
        ).restoreDatabase(file, place.url, values.required("store-async"), replace);
  const seconds = ((performance.now() - begunMs) / 1000).toFixed(1);
  say(`restored ${heldSentence(restored.held)}, in ${seconds} s`);
  for (const line of restored.advice) say(line);
}

async function acceptLossIn(place: StorePlace, values: OptionValues): Promise<void> {
  if (values.operands.length > 0) throw new UsageError("--accept-loss restores nothing: expected no FILE");
  if (place.kind !== "postgres")
    throw new UsageError("--accept-loss is for a store on several PostgreSQL servers; name them with --store");
  const held = await (
    await import("../store/postgres/accept-loss.ts")
  ).acceptLoss(place.url, values.required("store-async"));
  say(`accepted; the store holds ${heldSentence(held)}, and nodes go on with that`);
}

/** Returns the path of the backup; undefined for standard input. */
function sourceOf(operand: string | undefined): string | undefined {
  if (operand === undefined)
    throw new UsageError("FILE is missing; expected the file that roost backup made, or - for standard input");
  if (operand === "-") {
    if (isatty(0)) throw new UsageError("- reads the backup from standard input, which is a terminal: expected a pipe");
    return undefined;
  }
  const path = resolve(operand);
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) throw new StartError(`there is no file ${path}`);
  if (!status.isFile()) throw new StartError(`${path} is not a file: expected one that roost backup made`);
  // A write-ahead log lies beside the file itself, not beside a link to it.
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
  if (folder !== undefined) unlock.push(lockDataFolder(makeDataFolder(folder).path));
  else mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const progress = new Progress();
  let draft: Draft | undefined;
  let thread: BackupThread | undefined;
  try {
    unlock.push(lockStore(path, "alone"));
    undoHalfSwap(path);
    // With the lock held, the files of earlier restores are garbage: those restores were killed.
    const stem = `${basename(path)}.restoring-`;
    for (const name of readdirSync(dirname(path))) {
      const left = join(dirname(path), name);
      // The operator may restore from such a file.
      if (name.startsWith(stem) && left !== file) rmSync(left);
    }
    draft = new Draft(draftName(`${path}.restoring`));
    thread = new BackupThread();
    const name = file ?? pipedName;
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

/** Refuses the store itself, and a file with a write-ahead log or a journal beside it, which is incomplete. */
function refuseUnfinished(file: string | undefined, path: string): void {
  if (file === undefined) return;
  if (file === path) throw new StartError(`${file} is the store itself: expected a backup of it`);
  for (const end of ["-wal", "-journal"])
    if ((statSync(file + end, { throwIfNoEntry: false })?.size ?? 0) > 0)
      throw new StartError(
        `${file} is incomplete without ${file}${end}, which a server or a tool left behind; join both into one file ` +
          `with: roost backup OTHER --store sqlite:${file}`,
      );
}

function adviceOf(folder: string | undefined, aside: string): string[] {
  const advice: string[] = [];
  const kept = asideFiles(aside).filter((path) => existsSync(path));
  if (kept.length > 0)
    advice.push(`the former store is kept as ${kept.join(", ")}; remove it when you no longer need it`);
  if (folder !== undefined && !existsSync(secretPath(folder)))
    advice.push(
      `the folder has no secret for tokens: copy the old one to ${secretPath(folder)}, or clients need new tokens`,
    );
  advice.push("the server rebuilds the index of the messages at its next start");
  return advice;
}

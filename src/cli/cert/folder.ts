// The folder of a cluster's certificates: ca.crt, ca.key, and ID.crt and ID.key of each node. Only its owner may change
// it. A key appears complete, readable by the owner only, and before its certificate: after a crash, a certificate has
// never lost its key. The key of the authority is never replaced.

import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { changerOf } from "../../base/file-trust.ts";
import { Draft, draftName } from "../draft.ts";
import { sentenceOf } from "../failure.ts";
import { StartError } from "../usage-error.ts";
import { statsAt } from "./read.ts";

const [keyMode, certificateMode] = [0o600, 0o644];
/** A name of draftName. */
const leftDraft = /\.(?:crt|key)\.partial-[0-9a-f]{12}$/;

/** The paths of a certificate and of its key. */
interface PairPaths {
  readonly certificate: string;
  readonly key: string;
}

/** Returns the paths of a node's files, or of the authority's, whose id is `ca`. */
export function pairPaths(folder: string, id: string): PairPaths {
  return { certificate: join(folder, `${id}.crt`), key: join(folder, `${id}.key`) };
}

/** Reports whether the folder exists. Throws StartError if others can change it, or it is a link or no folder. */
export function isFolderAt(folder: string): boolean {
  const stats = statsAt(folder);
  if (stats === undefined) return false;
  if (!stats.isDirectory())
    throw new StartError(
      `${folder} is ${stats.isSymbolicLink() ? "a symbolic link" : "no folder"}; name another with --dir`,
    );
  const changer = changerOf(stats);
  if (changer !== undefined)
    throw new StartError(
      `${folder} can be changed by ${changer}, who could replace the authority; chown it and chmod 700 it`,
    );
  return true;
}

/** Creates the folder, mode 0700. Throws StartError. */
export function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // The umask may forbid even the owner.
    chmodSync(folder, 0o700);
  } catch (error) {
    throw new StartError(`cannot create the folder ${folder}: ${sentenceOf(error)}; choose another with --dir`);
  }
}

/** Returns the ids of the nodes that have a certificate in the folder, sorted. Throws StartError. */
export function idsIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .flatMap((name) => /^([A-Za-z0-9.-]{1,40})\.crt$/.exec(name)?.[1] ?? [])
      .filter((id) => id !== "ca")
      .toSorted();
  } catch (error) {
    throw new StartError(`cannot read the folder ${folder}: ${sentenceOf(error)}; choose another with --dir`);
  }
}

/**
 * Removes the drafts of commands that were killed; the folder is locked. One may be a second name of a published key.
 * Throws StartError.
 */
export function removeDrafts(folder: string): void {
  try {
    for (const name of readdirSync(folder)) if (leftDraft.test(name)) rmSync(join(folder, name), { force: true });
  } catch (error) {
    throw new StartError(`cannot remove a draft from the folder ${folder}: ${sentenceOf(error)}`);
  }
}

/**
 * Writes a key and its certificate under their names; without `replace`, only if neither exists. Throws StartError; a
 * failure before the first file is complete leaves nothing behind.
 */
export function writePair(
  paths: PairPaths,
  { key, certificate }: { readonly key: string; readonly certificate: string },
  replace: boolean,
): void {
  const drafts: Draft[] = [];
  try {
    const [keyDraft, certificateDraft] = [
      written(drafts, paths.key, key, keyMode),
      written(drafts, paths.certificate, certificate, certificateMode),
    ];
    publish(keyDraft, paths.key, replace);
    publish(certificateDraft, paths.certificate, replace);
  } finally {
    for (const draft of drafts) draft.discard();
  }
}

/** Writes and syncs a draft. The caller discards it. */
function written(drafts: Draft[], path: string, text: string, mode: number): Draft {
  const draft = new Draft(draftName(`${path}.partial`));
  drafts.push(draft);
  draft.make();
  try {
    writeFileSync(draft.path, text, { flush: true });
    // The umask applies to the mode with which a file is created, not to this.
    chmodSync(draft.path, mode);
  } catch (error) {
    throw new StartError(`cannot write ${path}: ${sentenceOf(error)}`);
  }
  return draft;
}

function publish(draft: Draft, path: string, replace: boolean): void {
  if (!replace && existsSync(path))
    throw new StartError(`${path} was made by another process at the same time; run the command again`);
  draft.publish(path, replace);
}

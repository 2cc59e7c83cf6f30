// The file in the data folder with the key of the HTTP API that a standalone server makes for its operator.

import { closeSync, existsSync, fsyncSync, linkSync, rmSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { isKeyText, newKeyText } from "../api/keys/api-key.ts";
import { createDraft } from "../base/draft-file.ts";
import { apiKeyCharactersMax } from "../base/limits/fixed.ts";
import { systemRandom } from "../base/random.ts";
import { readSmallFile, UnreadableFile } from "../base/small-file.ts";
import { codeOf, sentenceOf } from "./failure.ts";
import { StartError } from "./usage-error.ts";

const othersMay = 0o077;

/**
 * Returns the key of the folder; makes one unless there is one, and adds to `undo` how to remove it. On a full or
 * read-only disk, where none can be made, undefined: the server serves what it can. Throws StartError for a file that
 * others may read, or that is no key.
 */
export function readLocalKey(folder: string, undo: (() => void)[]): string | undefined {
  const path = join(folder, "api-key");
  try {
    if (!existsSync(path) && make(path)) undo.push(() => rmSync(path, { force: true }));
  } catch (error) {
    if (/^(ENOSPC|EDQUOT|EROFS)$/.test(codeOf(error))) return undefined;
    throw new StartError(`cannot create ${path}: ${sentenceOf(error)}`);
  }
  return keyIn(path);
}

/** Creates the file atomically, readable by this user alone; false: another process was first. */
function make(path: string): boolean {
  const draft = createDraft(path);
  try {
    writeSync(draft.file, `${newKeyText(systemRandom)}\n`);
    fsyncSync(draft.file);
    linkSync(draft.path, path);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  } finally {
    closeSync(draft.file);
    unlinkSync(draft.path);
  }
}

/** Reports whether a folder has a key. Throws StartError as `readLocalKey` does. */
export function hasLocalKey(folder: string): boolean {
  const path = join(folder, "api-key");
  return existsSync(path) && keyIn(path) !== "";
}

function keyIn(path: string): string {
  const again = "delete it, and the next start makes another";
  try {
    const { text, stats } = readSmallFile(path, { bytesMax: apiKeyCharactersMax, waits: false });
    if ((stats.mode & othersMay) !== 0)
      throw new StartError(`other users can read or change ${path}, a key of the API: chmod 600 it, or ${again}`);
    const key = text.trim();
    if (!isKeyText(key))
      throw new StartError(`${path} holds no key of the API, which is rk_ and 43 characters: ${again}`);
    return key;
  } catch (error) {
    if (error instanceof UnreadableFile) throw new StartError(error.message);
    throw error;
  }
}

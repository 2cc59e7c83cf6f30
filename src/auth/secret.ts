// Secrets: from an option, from a file, or made once in the data folder. There is no built-in one. Whatever else stands in a
// file (a comment, a byte order mark, quotes) never becomes a key: it is skipped or refused.

import { createHmac, randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, linkSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { createDraft } from "../base/draft-file.ts";
import { type Changer, changerOf } from "../base/file-trust.ts";
import { secretBytesMax, secretBytesMin, secretFileBytesMax, secretsPerFileMax } from "../base/limits/fixed.ts";
import { nameRule, validName } from "./names.ts";
import { readSmallFile, UnreadableFile } from "../base/small-file.ts";

/** Fewer different characters than this, or one piece of at most so many characters again and again, is no secret. */
const differentCharactersMin = 6;
const repeatedPieceMax = 8;
const fingerprintDigits = 8;
/** First lines of key files and encrypted files: they are the same for everybody. */
const knownFirstLine = /^(-----BEGIN |\$ANSIBLE_VAULT;|age-encryption\.org\/|PuTTY-User-Key-File-)/;
/** Comments of other languages. A blank follows, which tells them from base64. */
const foreignComment = /^(\/\/|\/\*|--|;|<!--) /;
/** What a template or a shell has not filled in. */
const placeholder = /^(\{\{.*\}\}|\$\{.*\}|\$\(.*\)|<.*>)$/;

/** A secret that cannot be used; the message says what, where and what to do. It never shows the secret. */
export class SecretError extends Error {
  override readonly name = "SecretError";
}

/**
 * The key that a text holds: its bytes. It has 16 to 4,096 printable ASCII characters, blanks inside included.
 * @throws SecretError
 */
export function secretFromText(text: string, source: string): Uint8Array {
  const fault = faultOf(text);
  if (fault !== undefined) throw new SecretError(`${source}: ${fault}`);
  return new TextEncoder().encode(text);
}

/** What is wrong with a secret; undefined if nothing is. */
function faultOf(text: string): string | undefined {
  const length = Buffer.byteLength(text);
  if (length < secretBytesMin) return `a secret has at least ${secretBytesMin} bytes, this one has ${length}`;
  if (length > secretBytesMax) return `a secret has at most ${secretBytesMax} bytes, this one has ${length}`;
  if (!/^[\x20-\x7e]*$/.test(text)) return "a secret is printable ASCII, this one holds other characters";
  if (text.startsWith(" ") || text.endsWith(" ")) return "a secret has no blanks before or after it; remove them";
  if (text.startsWith("#")) return "a secret does not begin with #: that is a comment in a secret file";
  if (/^(["'`]).*\1$/.test(text)) return "the quotes around the secret would be a part of it; remove them";
  if (knownFirstLine.test(text))
    return "this is the first line of a file of another kind, which everybody knows; give the secret itself, decrypted";
  if (foreignComment.test(text)) return "this is a comment; only lines that begin with # are comments in a secret file";
  if (placeholder.test(text)) return "this is a placeholder, in the place of which a secret should be";
  const isRepeated = (text + text).indexOf(text, 1) <= repeatedPieceMax;
  if (new Set(text).size < differentCharactersMin || isRepeated)
    return `a secret has at least ${differentCharactersMin} different characters and repeats no short piece; make one with: head -c 32 /dev/urandom | base64`;
  return undefined;
}

/** A key of the client tokens of one app alone. */
export interface AppKey {
  readonly app: string;
  /** Its name, which a token's header may carry. */
  readonly kid: string;
  readonly key: Uint8Array;
}

interface SecretFile {
  /** At most 16: the first signs, all verify. None only where there are keys of apps. */
  readonly keys: readonly Uint8Array[];
  /** At most 16 of each app: its first signs, its others verify. */
  readonly appKeys: readonly AppKey[];
  /** Others than this user and root who can change the file. */
  readonly changer: Changer | undefined;
  /** Others than its owner can read the file. */
  readonly isReadableByOthers: boolean;
}

/**
 * The keys of a file, one a line: the first signs, all verify (rotation). Empty lines and those that begin with # are no
 * keys; lines may end in CR LF. A line `[app kid] key` is a key of that app alone.
 * @param waits whether to wait for who writes a pipe; a server that serves does not
 * @throws SecretError
 */
export function secretsFromFile(path: string, waits = true): SecretFile {
  try {
    const { text, stats } = readSmallFile(path, { bytesMax: secretFileBytesMax, waits });
    return { ...keysOf(text, path), changer: changerOf(stats), isReadableByOthers: (stats.mode & 0o077) !== 0 };
  } catch (error) {
    if (error instanceof UnreadableFile) throw new SecretError(error.message);
    throw error;
  }
}

function keysOf(text: string, path: string): Pick<SecretFile, "keys" | "appKeys"> {
  const keys: Uint8Array[] = [];
  const appKeys: AppKey[] = [];
  let hasComments = false;
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.startsWith("#")) hasComments = true;
    if (line === "" || line.startsWith("#")) continue;
    const source = `${path}, line ${index + 1}`;
    if (appLine.test(line)) {
      addAppKey(appKeys, appKeyFromText(line, source), source);
      continue;
    }
    const key = secretFromText(line, source);
    // One that stands there twice is one key, as it is for a process whose file says it once.
    if (!keys.some((known) => Buffer.compare(known, key) === 0)) keys.push(key);
  }
  if (keys.length + appKeys.length === 0)
    throw new SecretError(
      `the secret file ${path} ${hasComments ? "holds no key: lines that begin with # are comments" : "is empty"}; put a secret of at least ${secretBytesMin} bytes there`,
    );
  if (keys.length > secretsPerFileMax)
    throw new SecretError(
      `the secret file ${path} holds ${keys.length} keys, at most ${secretsPerFileMax} are allowed; remove those that nobody uses any more`,
    );
  return { keys, appKeys };
}

/** What a line of an app begins with. A key that begins with a bracket has no blank behind the closing one. */
const appLine = /^\[[^\]]*\] /;

/** Reads `[app kid] key`; the app is percent-encoded. */
function appKeyFromText(line: string, source: string): AppKey {
  const [, name = "", kid = "", secret = ""] = /^\[([^ \]]+) ([\x21-\x5c\x5e-\x7e]{1,64})\] (.*)$/.exec(line) ?? [];
  const app = decoded(name);
  if (app === undefined || !validName(app))
    throw new SecretError(
      `${source}: a key of one app is written [app kid] key: the app percent-encoded (${nameRule}), the kid at most 64 characters without blanks`,
    );
  return { app, kid, key: secretFromText(secret, source) };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function addAppKey(known: AppKey[], added: AppKey, source: string): void {
  const others = known.filter(({ app }) => app === added.app);
  const same = others.find(({ kid }) => kid === added.kid);
  if (same !== undefined && Buffer.compare(same.key, added.key) === 0) return;
  if (same !== undefined)
    throw new SecretError(`${source}: this app has another key with the kid ${added.kid} already`);
  if (others.length === secretsPerFileMax)
    throw new SecretError(
      `${source}: an app has at most ${secretsPerFileMax} keys; remove those that nobody uses any more`,
    );
  known.push(added);
}

/**
 * A name of a key that gives nothing away: the beginning of an HMAC over a fixed text, in hexadecimal. Processes with equal
 * fingerprints have equal keys.
 */
export function fingerprintOf(key: Uint8Array): string {
  return createHmac("sha256", key).update("roost key fingerprint 1").digest("hex").slice(0, fingerprintDigits);
}

/** Where the data folder's own secret lies. */
export function secretPath(folder: string): string {
  return join(folder, "secret");
}

/**
 * Makes the data folder's secret, 256 random bits, readable by its owner only, unless one exists. The file appears whole or
 * not at all. Returns true when it was made now.
 */
export function ensureSecret(folder: string): boolean {
  const path = secretPath(folder);
  // Looked at first: a start needs no room for what is there.
  if (existsSync(path)) return false;
  const draft = createDraft(path);
  try {
    // No character that a shell or a command line takes for anything else: a dash begins an option.
    writeSync(draft.file, `${randomBytes(32).toString("hex")}\n`);
    fsyncSync(draft.file);
    linkSync(draft.path, path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  } finally {
    closeSync(draft.file);
    unlinkSync(draft.path);
  }
}

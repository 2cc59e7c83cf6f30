// Secrets: from an option, from a file, or created once in the data folder. There is no built-in default. Anything else
// in a file (comments, a byte order mark, quotes) is skipped or refused, never used as a key.

import { createHmac, randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, linkSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { createDraft } from "../base/draft-file.ts";
import { type Changer, changerOf } from "../base/file-trust.ts";
import { secretBytesMax, secretBytesMin, secretFileBytesMax, secretsPerFileMax } from "../base/limits/fixed.ts";
import { addIssuer, type IssuerLine, issuerLineFrom, issuerRule } from "./issuers.ts";
import { nameRule, validName } from "./names.ts";
import { readSmallFile, UnreadableFile } from "../base/small-file.ts";

/** A secret has at least this many different characters and does not repeat a piece of up to `repeatedPieceMax`. */
const differentCharactersMin = 6;
const repeatedPieceMax = 8;
/** Hexadecimal digits of the name of a key in logs. */
export const fingerprintDigits = 8;
/** First lines of key files and encrypted files, which are public knowledge. */
const knownFirstLine = /^(-----BEGIN |\$ANSIBLE_VAULT;|age-encryption\.org\/|PuTTY-User-Key-File-)/;
/** Comments of other languages. The blank that follows tells them from base64. */
const foreignComment = /^(\/\/|\/\*|--|;|<!--) /;
const placeholder = /^(\{\{.*\}\}|\$\{.*\}|\$\(.*\)|<.*>)$/;
/** Parts of a line of an issuer, whatever else the line holds: they are no secret. */
const issuerPart = /(?:^|[\] ])(?:jwks|issuer|audience)=/;
/** The app and kid of a key without the key, as in the head of a section of other formats. */
const bracketAlone = /^\[[^\]]*\]$/;

/** An unusable secret. The message says what is wrong, where, and what to do; it never contains the secret. */
export class SecretError extends Error {
  override readonly name = "SecretError";
}

/**
 * Returns the bytes of a secret: 16 to 4,096 printable ASCII characters, including inner blanks.
 * @throws SecretError
 */
export function secretFromText(text: string, source: string): Uint8Array {
  const fault = faultOf(text);
  if (fault !== undefined) throw new SecretError(`${source}: ${fault}`);
  return new TextEncoder().encode(text);
}

function faultOf(text: string): string | undefined {
  const length = Buffer.byteLength(text);
  if (length < secretBytesMin) return `a secret has at least ${secretBytesMin} bytes, this one has ${length}`;
  if (length > secretBytesMax) return `a secret has at most ${secretBytesMax} bytes, this one has ${length}`;
  if (!/^[\x20-\x7e]*$/.test(text)) return "a secret is printable ASCII, this one holds other characters";
  if (text.startsWith(" ") || text.endsWith(" ")) return "a secret has no blanks before or after it; remove them";
  if (text.startsWith("#")) return "a secret does not begin with #: that is a comment in a secret file";
  if (/^(["'`]).*\1$/.test(text)) return "the quotes around the secret would be a part of it; remove them";
  if (knownFirstLine.test(text))
    return "this is the first line of a file of another kind, which is public; give the secret itself, decrypted";
  if (foreignComment.test(text)) return "this is a comment; only lines that begin with # are comments in a secret file";
  if (placeholder.test(text)) return "this is a placeholder; put the secret in its place";
  if (issuerPart.test(text))
    return `this names public keys and is no secret; a line of a secret file says: ${issuerRule}`;
  if (bracketAlone.test(text))
    return "this is no secret; in a secret file, a key follows on the same line: [app kid] key";
  const isRepeated = (text + text).indexOf(text, 1) <= repeatedPieceMax;
  if (new Set(text).size < differentCharactersMin || isRepeated)
    return (
      `a secret has at least ${differentCharactersMin} different characters and repeats no short piece; ` +
      "make one with: head -c 32 /dev/urandom | base64"
    );
  return undefined;
}

/** A key for the client tokens of one app. */
export interface AppKey {
  readonly app: string;
  /** The key id, which a token's header may carry. */
  readonly kid: string;
  readonly key: Uint8Array;
}

interface SecretFile {
  /** At most 16: the first signs, all verify. Empty only if there are keys of apps. */
  readonly keys: readonly Uint8Array[];
  /** At most 16 for each app: its first signs, all verify. */
  readonly appKeys: readonly AppKey[];
  /** At most 4 for each app, with different names. */
  readonly issuerLines: readonly IssuerLine[];
  /** Who else can change the file, besides this user and root. */
  readonly changer: Changer | undefined;
  /** Whether users other than the owner can read the file. */
  readonly isReadableByOthers: boolean;
}

/**
 * Returns the keys of a file, one a line: the first signs, all verify (rotation). Empty lines and lines that begin with
 * # are skipped; lines may end in CR LF. A line `[app kid] key` is a key for that app only, and a line `[app] jwks=…`
 * names a file of public keys for that app, which is not read.
 * @param waits whether to wait for the writer of a pipe; a running server does not
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

function keysOf(text: string, path: string): Pick<SecretFile, "keys" | "appKeys" | "issuerLines"> {
  const keys: Uint8Array[] = [];
  const appKeys: AppKey[] = [];
  const issuerLines: IssuerLine[] = [];
  let hasComments = false;
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.startsWith("#")) hasComments = true;
    if (line === "" || line.startsWith("#")) continue;
    const source = `${path}, line ${index + 1}`;
    if (jwksLine.test(line)) {
      const fault = addIssuer(issuerLines, issuerFromText(line, source));
      if (fault !== undefined) throw new SecretError(`${source}: ${fault}`);
      continue;
    }
    if (appLine.test(line)) {
      addAppKey(appKeys, appKeyFromText(line, source), source);
      continue;
    }
    const key = secretFromText(line, source);
    // Duplicates count once, as for a process whose file names the key once.
    if (!keys.some((known) => Buffer.compare(known, key) === 0)) keys.push(key);
  }
  if (keys.length + appKeys.length + issuerLines.length === 0)
    throw new SecretError(
      `the secret file ${path} ${hasComments ? "holds no key: lines that begin with # are comments" : "is empty"}; ` +
        `put a secret of at least ${secretBytesMin} bytes there`,
    );
  if (keys.length > secretsPerFileMax)
    throw new SecretError(
      `the secret file ${path} holds ${keys.length} keys, at most ${secretsPerFileMax} are allowed; remove unused keys`,
    );
  return { keys, appKeys, issuerLines };
}

/** Matches a line of an issuer: its bracket holds no kid. */
const jwksLine = /^\[[^\] ]*\] jwks=/;
/** Matches a line of an app key. A plain key that begins with a bracket has no blank after the closing one. */
const appLine = /^\[[^\]]*\] /;

/** Parses `[app kid] key`; the app is percent-encoded. */
function appKeyFromText(line: string, source: string): AppKey {
  const [, name = "", kid = "", secret = ""] = /^\[([^ \]]+) ([\x21-\x5c\x5e-\x7e]{1,64})\] (.*)$/.exec(line) ?? [];
  const app = appFrom(name);
  if (app === undefined)
    throw new SecretError(
      `${source}: expected [app kid] key: the app percent-encoded (${nameRule}), ` +
        "the kid at most 64 characters without blanks",
    );
  return { app, kid, key: secretFromText(secret, source) };
}

/** Parses `[app] jwks=… issuer=… audience=…`; the app is percent-encoded. */
function issuerFromText(line: string, source: string): IssuerLine {
  const end = line.indexOf("] ");
  const app = appFrom(line.slice(1, end));
  const issuer = app === undefined ? undefined : issuerLineFrom(app, line.slice(end + "] ".length));
  if (issuer === undefined)
    throw new SecretError(`${source}: expected ${issuerRule}; the app percent-encoded (${nameRule})`);
  return issuer;
}

/** Decodes the name of an app; undefined if it is not one. */
function appFrom(text: string): string | undefined {
  try {
    const app = decodeURIComponent(text);
    return validName(app) ? app : undefined;
  } catch {
    return undefined;
  }
}

function addAppKey(known: AppKey[], added: AppKey, source: string): void {
  const others = known.filter(({ app }) => app === added.app);
  const same = others.find(({ kid }) => kid === added.kid);
  if (same !== undefined && Buffer.compare(same.key, added.key) === 0) return;
  if (same !== undefined) throw new SecretError(`${source}: duplicate kid ${added.kid} for this app`);
  if (others.length === secretsPerFileMax)
    throw new SecretError(`${source}: an app has at most ${secretsPerFileMax} keys; remove unused keys`);
  known.push(added);
}

/**
 * Returns a name for a key that does not reveal it: the beginning of an HMAC over a fixed text, in hexadecimal.
 * Processes with equal fingerprints have equal keys.
 */
export function fingerprintOf(key: Uint8Array): string {
  return createHmac("sha256", key).update("roost key fingerprint 1").digest("hex").slice(0, fingerprintDigits);
}

export function secretPath(folder: string): string {
  return join(folder, "secret");
}

/** Creates the data folder's secret, 256 random bits, atomically, unless one exists; returns true if it did. */
export function ensureSecret(folder: string): boolean {
  const path = secretPath(folder);
  // Checked first: if the file exists, a start needs no disk space for a draft.
  if (existsSync(path)) return false;
  const draft = createDraft(path);
  try {
    // Hexadecimal, because shells and command lines give other characters a meaning: a dash begins an option.
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

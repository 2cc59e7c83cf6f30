// Secrets: from an option, from a file, or made once in the data folder. There is no built-in one.

import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { secretBytesMin } from "../base/limits.ts";

/** A secret that cannot be used; the message says what, where and what to do. */
export class SecretError extends Error {
  override readonly name = "SecretError";
}

/** The key that a text holds: its UTF-8 bytes. */
export function secretFromText(text: string, source: string): Uint8Array {
  const key = new TextEncoder().encode(text);
  if (key.length < secretBytesMin)
    throw new SecretError(`${source}: a secret has at least ${secretBytesMin} bytes, this one has ${key.length}`);
  return key;
}

/** The keys of a file, one a line: the first signs, all verify (rotation). */
export function secretsFromFile(path: string): readonly Uint8Array[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new SecretError(
      `cannot read the secret file ${path}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const lines = text.split(/\r?\n/).filter((line) => line !== "");
  if (lines.length === 0)
    throw new SecretError(`the secret file ${path} is empty; put a secret of at least ${secretBytesMin} bytes there`);
  return lines.map((line, index) => secretFromText(line, `${path}, line ${index + 1}`));
}

/** Where the data folder's own secret lies. */
export function secretPath(folder: string): string {
  return join(folder, "secret");
}

/** True when others than the owner can read a file. */
export function isReadableByOthers(path: string): boolean {
  return (statSync(path).mode & 0o077) !== 0;
}

/**
 * Makes the data folder's secret, 256 random bits, readable by its owner only, unless there is one. The file appears
 * whole or not at all. Returns true when it was made now.
 */
export function ensureSecret(folder: string): boolean {
  const path = secretPath(folder);
  // Looked at first: a start needs no room for what is there.
  if (existsSync(path)) return false;
  const draft = `${path}.${process.pid}`;
  const file = openSync(draft, "w", 0o600);
  try {
    writeSync(file, `${randomBytes(32).toString("base64url")}\n`);
    fsyncSync(file);
    closeSync(file);
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  } finally {
    unlinkSync(draft);
  }
}

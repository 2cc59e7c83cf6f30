// The seal at the end of a backup: its facts, and the SHA-256 of all bytes before the seal. SQLite's own check does not
// detect a changed byte inside a text; the seal does. A seal is shorter than a page, so SQLite ignores it, and
// pg_restore reads no further than the end of its archive: both open a sealed file like an unsealed one.
//
//   bytes before it   the SQLite database, or PostgreSQL's archive
//   512 bytes         "roost-backup-1 ", a JSON object, spaces, "\n"

import { fstatSync, fsyncSync, readSync, writeSync } from "node:fs";
import { scopedFile } from "../base/scoped-file.ts";
import { fieldsOf, ifWellFormed, jsonOf, stringOf, wholeOf } from "../base/json-fields.ts";
import type { StoreFacts } from "./store-facts.ts";
import { StoreUnavailable } from "./store.ts";

const sealBytes = 512;
const opening = "roost-backup-1 ";
const chunkBytes = 4 * 1024 * 1024;

/** Appends the seal and syncs the file. Throws the platform's error if the disk is full. */
export function seal(path: string, facts: StoreFacts): void {
  using file = scopedFile(path, "r+");
  const bytes = fstatSync(file.fd).size;
  const text = opening + JSON.stringify({ ...facts, sha256: digestOf(file.fd, bytes) });
  writeSync(file.fd, `${text.padEnd(sealBytes - 1)}\n`, bytes);
  fsyncSync(file.fd);
}

/** The content of a seal, and the number of bytes before it. */
interface Seal {
  readonly facts: StoreFacts;
  readonly bytes: number;
}

/**
 * Reads and verifies a file's seal; returns undefined if there is none, as in a plain copy of a store. Throws
 * StoreUnavailable if the bytes before it have changed. `name` is the file's name in error messages.
 */
export function readSeal(path: string, name: string): Seal | undefined {
  using file = scopedFile(path, "r");
  const bytes = fstatSync(file.fd).size - sealBytes;
  if (bytes < 0) return undefined;
  const tail = Buffer.alloc(sealBytes);
  readSync(file.fd, tail, 0, sealBytes, bytes);
  const text = tail.toString("latin1");
  if (!text.startsWith(opening)) return undefined;
  const sealed = parseSeal(text.slice(opening.length));
  if (sealed === undefined || sealed.sha256 !== digestOf(file.fd, bytes))
    throw new StoreUnavailable(`${name} is damaged: its bytes are not those that were backed up; take another copy`);
  return { facts: sealed, bytes };
}

function parseSeal(text: string): (StoreFacts & { readonly sha256: string }) | undefined {
  return ifWellFormed(() => {
    const fields = fieldsOf(jsonOf(text, "seal"), "seal");
    const { messages, names, newestMs } = fields;
    return {
      messages: wholeOf(messages, "messages"),
      names: wholeOf(names, "names"),
      lastId: stringOf(fields, "lastId"),
      ...(newestMs === undefined ? {} : { newestMs: wholeOf(newestMs, "newestMs") }),
      sha256: stringOf(fields, "sha256"),
    };
  });
}

function digestOf(file: number, bytes: number): string {
  const hasher = new Bun.CryptoHasher("sha256");
  const chunk = Buffer.allocUnsafe(chunkBytes);
  for (let at = 0; at < bytes;) {
    const read = readSync(file, chunk, 0, Math.min(chunkBytes, bytes - at), at);
    if (read === 0) break;
    hasher.update(chunk.subarray(0, read));
    at += read;
  }
  return hasher.digest("hex");
}

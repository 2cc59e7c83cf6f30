// The indexes of other schemas beside a log. Each schema has a file of its own, so that processes of two releases on
// one log leave each other's index alone (README.md has the rules). While this release's index is built, lookups read
// the file of the former schema in place; a process of the former release may write, or replace, it meanwhile.
//
//   messages-index.db     schemas 1 and 2
//   messages-index-3.db   schema 3, and likewise those after it
//
// A program that built schema 3 in the file of schema 2 moved that aside as messages-index.db.former meanwhile; where
// it died, the file is left.

import type { Database } from "bun:sqlite";
import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { guarded, guardedLog, IndexDamage } from "../damage.ts";
import { isNobodyElseThere } from "../open-files.ts";
import { pragmaNumber } from "../schema.ts";
import { formerSchemaVersion, indexSchemaVersion, openIndex, removeIndex, requireOwn } from "./index-file.ts";

/** The newest schema whose file has no number in its name. */
const unnumberedSchema = 2;
/** What the name of an index ends with that was moved aside. */
const asideEnd = ".former";
/** What SQLite adds to the name of a database for the files that it keeps beside it. */
const besideDatabase = /-(?:wal|shm|journal)$/;

interface IndexFile {
  readonly path: string;
  readonly schema: number;
}

/** Returns the path of the index of the former schema beside an index. */
export function formerPathOf(indexPath: string): string {
  const { stem, end } = partsOf(indexPath);
  return join(dirname(indexPath), stem + end);
}

/** Returns the indexes of all schemas beside an index, itself included, of which there is any file. */
export function indexesBeside(indexPath: string): IndexFile[] {
  const found = new Map<string, IndexFile>();
  for (const name of readdirSync(dirname(indexPath))) {
    const path = join(dirname(indexPath), name.replace(besideDatabase, ""));
    const schema = schemaOf(indexPath, path);
    if (schema !== undefined) found.set(path, { path, schema });
  }
  return [...found.values()];
}

/** Reports whether a path is that of an index of any schema beside an index, or of what SQLite keeps beside it. */
export function isIndexPath(indexPath: string, path: string): boolean {
  return dirname(path) === dirname(indexPath) && schemaOf(indexPath, path.replace(besideDatabase, "")) !== undefined;
}

/** Removes the indexes of all schemas, those of later releases included: their log is another one now. */
export function removeIndexes(indexPath: string): void {
  for (const { path } of indexesBeside(indexPath)) removeIndex(path);
}

/** Removes the indexes of earlier schemas that nobody has open. The caller keeps others from opening one meanwhile. */
export function removeEarlier(indexPath: string): void {
  for (const { path, schema } of indexesBeside(indexPath))
    if (schema < indexSchemaVersion && isNobodyElseThere(path)) removeIndex(path);
}

/**
 * Opens the log's index of the former schema; undefined if there is none, or if it is of another log or state of it,
 * or is damaged as far as this reads. The caller holds the log's lock, or knows that nobody writes: a process of the
 * former release may replace the file otherwise.
 */
export function openFormer(
  indexPath: string,
  log: Database,
  open: (path: string) => Database = openIndex,
): Database | undefined {
  const path = formerPathOf(indexPath);
  if (!existsSync(path)) return undefined;
  let index: Database | undefined;
  try {
    index = guarded(() => open(path));
    if (flushedIdOf(index, log) !== undefined) return index;
  } catch (error) {
    if (!(error instanceof IndexDamage)) {
      index?.close();
      throw error;
    }
  }
  index?.close();
  return undefined;
}

/** Reports whether the former index lacks fewer than `unflushedMax` of the messages. Call it like openFormer. */
export function isFormerUsable(indexPath: string, log: Database, unflushedMax: number): boolean {
  using index = openFormer(indexPath, log);
  if (index === undefined) return false;
  const unflushed = log.query("SELECT 1 FROM message WHERE id > ? LIMIT 1 OFFSET ?");
  return guardedLog(() => unflushed.get(flushedIdOf(index, log) ?? 0n, unflushedMax) === null);
}

/** Returns the last flushed id of an index of the former schema; undefined if it has another. Throws IndexDamage. */
function flushedIdOf(index: Database, log: Database): bigint | undefined {
  return guarded(() => {
    if (pragmaNumber(index, "user_version") !== formerSchemaVersion) return undefined;
    return requireOwn(index, log);
  });
}

/** Takes the name of an index apart: what precedes the number of its schema, and what follows it. */
function partsOf(indexPath: string): { readonly stem: string; readonly end: string } {
  const name = basename(indexPath);
  const end = name.endsWith(".db") ? ".db" : "";
  return { stem: name.slice(0, name.length - end.length - `-${indexSchemaVersion}`.length), end };
}

/** Returns the schema that the name of an index says; undefined for another file's name. */
function schemaOf(indexPath: string, path: string): number | undefined {
  const { stem, end } = partsOf(indexPath);
  const name = basename(path);
  if (name === stem + end + asideEnd) return unnumberedSchema;
  if (!name.startsWith(stem) || !name.endsWith(end)) return undefined;
  const part = name.slice(stem.length, name.length - end.length);
  if (part === "") return unnumberedSchema;
  const schema = /^-[1-9]\d*$/.test(part) ? Number(part.slice(1)) : 0;
  return schema > unnumberedSchema ? schema : undefined;
}
